"""Launchers of this backend's own kernels, one family a file.

Each file has `kernels(modules)`, which gives functions by op name with the signatures of the kernel
contract. They take arrays of `modules.xp` and import no array library themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from dlf_cupy_gpu.module import FLOATING, Modules

from .common import Kernel

__all__ = ["OWN", "kernels", "op_dtypes"]

OWN = (
    "attention",
    "conv",
    "cross_entropy",
    "dropout",
    "elementwise",
    "lookup",
    "nll",
    "norm_batch",
    "norm_rows",
    "pool",
    "random",
    "softmax",
    "step",
    "sums",
)
"""The files whose kernels are this package's own sources; those of `matmul` are cuBLAS's."""

# Those that have a shared kernel for other dtypes.
_ALL_DTYPES = frozenset({"index_add", "scatter_add", "relu", "sigmoid", "sum"})


def kernels(modules: Modules) -> dict[str, Kernel]:
    """All kernels of this package's sources, by op name."""
    table: dict[str, Kernel] = {}
    for family in OWN:
        table |= import_module(f".{family}", __name__).kernels(modules)
    return table


def op_dtypes(table: Mapping[str, Kernel]) -> dict[str, frozenset[str]]:
    """What `Caps.op_dtypes` says of the kernels in `table`: other dtypes take the decomposition."""
    return {name: FLOATING for name in table if name not in _ALL_DTYPES}
