"""A synthetic world of any size whose truth is known."""
