"""Kernels by op name; `dlf ops show NAME` gives an op's parameters."""

import numpy as np


# Write here: kernels of your own; this one computes half of what the op's decomposition does.
def softsign(a):
    x = a.astype(np.float32) if a.dtype.itemsize == 2 else a
    out = np.abs(x)
    out += 1
    return np.divide(x, out, out=out).astype(a.dtype, copy=False)


KERNELS = {"softsign": softsign}
