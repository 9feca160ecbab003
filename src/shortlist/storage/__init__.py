"""Where a system keeps what it knows: its home folder and the store of events and state."""
