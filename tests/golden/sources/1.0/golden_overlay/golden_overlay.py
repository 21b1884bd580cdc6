"""Kernels for the device `cpu`, given by a function; `CALLS` tells which ran."""

import numpy as np

from dlf.plugin import KernelSpec, hookimpl

CALLS = []


@hookimpl
def dlf_kernels(api):
    return [
        KernelSpec(
            "golden_overlay", "cpu", load="golden_overlay:kernels", requires_api=">=1", priority=7
        )
    ]


def softsign(a):
    CALLS.append("softsign")
    return a / (1 + np.abs(a))


def leaky_relu(a, negative_slope):
    CALLS.append("leaky_relu")
    return np.where(a > 0, a, a * negative_slope).astype(a.dtype)


def kernels():
    return {"softsign": softsign, "leaky_relu": leaky_relu}
