"""The device my_thing for dlf."""
