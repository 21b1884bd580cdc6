"""The `cpu` device of dlf on NumPy."""
