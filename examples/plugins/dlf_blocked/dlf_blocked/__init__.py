"""Activations for the device cpu that work through large tensors block by block."""
