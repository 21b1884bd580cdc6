"""The device `torchtensors` for dlf."""
