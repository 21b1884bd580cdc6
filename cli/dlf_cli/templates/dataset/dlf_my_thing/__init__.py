"""The dataset my_thing for dlf."""
