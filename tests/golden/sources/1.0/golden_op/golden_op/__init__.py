"""Ops as a plugin declared them when the kernel API was 1.0."""
