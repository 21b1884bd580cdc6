"""The device `jax` for dlf."""
