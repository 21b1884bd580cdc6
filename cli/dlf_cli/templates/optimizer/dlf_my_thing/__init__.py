"""The optimizer my_thing for dlf."""
