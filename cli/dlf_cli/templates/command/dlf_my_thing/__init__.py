"""The command dlf my-thing."""
