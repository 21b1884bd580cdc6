"""The `cuda` device of dlf on CuPy: NVIDIA cards.

Nothing here imports CuPy before the device is used, so that every module can be imported without
it.
"""
