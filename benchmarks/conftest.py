"""Every benchmark runs on dlf and, where it is installed, on PyTorch.

How to run them, in part or on one thread::

    pytest benchmarks                       # dlf and PyTorch side by side
    pytest benchmarks -k dlf                # dlf alone
    OMP_NUM_THREADS=1 pytest benchmarks -k add
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest


@pytest.fixture(params=["dlf", "torch"])
def library(request: pytest.FixtureRequest) -> ModuleType:
    """dlf or PyTorch; a benchmark names what both share."""
    if request.param == "torch":
        pytest.importorskip("torch", reason="PyTorch comes with the extra 'test'")
    T = importlib.import_module(request.param)
    if "OMP_NUM_THREADS" in os.environ:
        T.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    T.manual_seed(0)
    return T
