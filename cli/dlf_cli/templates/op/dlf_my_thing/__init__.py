"""The op my_thing for dlf."""
