"""Settings that hold before NumPy, PyTorch and dlf are imported."""

from __future__ import annotations

import os

# Test processes share the cores: BLAS threads in each of them would only wait for one another.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# What the caller's shell says of plugins and fallback is not what is tested.
for name in [name for name in os.environ if name.startswith("DLF_")]:
    del os.environ[name]
