"""The optimizer Lion for dlf."""
