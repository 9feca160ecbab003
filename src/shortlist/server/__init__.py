"""The server: the current release, the newest events and deletions, and their REST interface."""
