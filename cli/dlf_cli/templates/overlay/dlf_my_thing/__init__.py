"""Kernels for dlf's device cpu."""
