"""Activations that go through a tensor in blocks which stay in the processor's cache.

Put together of other ops, an activation reads and writes the whole tensor in main memory several
times. Here each block is read once and written once, and what comes between is kept in two blocks
of scratch memory. Half precision is computed in float32, also block by block, and rounded once.
"""

from functools import wraps

import numpy as np

BLOCK = 8192
"""Elements of a block: with its scratch it fits in 256 KiB."""


def blocked(function):
    """A kernel of ``function(x, out, scratch, *attributes)``, which fills `out` from `x`.

    `x`, `out` and `scratch` are vectors of one length and dtype; `x` must not be changed.
    """

    @wraps(function)
    def kernel(a, *attributes):
        x = np.ascontiguousarray(a).reshape(-1)
        out = np.empty(a.shape, a.dtype)
        flat = out.reshape(-1)
        dtype = np.dtype(np.float32) if a.dtype.itemsize == 2 else a.dtype
        results, scratch = np.empty((2, min(BLOCK, x.size)), dtype)
        with np.errstate(all="ignore"):
            for start in range(0, x.size, BLOCK):
                part = x[start : start + BLOCK].astype(dtype, copy=False)
                target = flat[start : start + BLOCK]
                result = target if dtype == a.dtype else results[: part.size]
                function(part, result, scratch[: part.size], *attributes)
                if result is not target:
                    target[...] = result
        return out

    return kernel


@blocked
def mish(x, out, scratch):
    # tanh(log(1 + e)) is n / (n + 2) with n = e * (e + 2) and e = exp(x), and 1 from x = 20 on.
    np.minimum(x, 20, out=out)
    np.exp(out, out=out)
    np.add(out, 2, out=scratch)
    out *= scratch
    np.add(out, 2, out=scratch)
    out /= scratch
    out *= x


@blocked
def softplus(x, out, scratch, beta, threshold):
    np.multiply(x, beta, out=scratch)
    np.abs(scratch, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    linear = scratch > threshold
    np.maximum(scratch, 0, out=scratch)
    out += scratch
    out /= beta
    if linear.any():
        np.copyto(out, x, where=linear)


@blocked
def logsigmoid(x, out, scratch):
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    np.minimum(x, 0, out=scratch)
    np.subtract(scratch, out, out=out)


@blocked
def elu(x, out, scratch, alpha, scale, input_scale):
    np.minimum(x, 0, out=out)
    out *= input_scale
    np.expm1(out, out=out)
    out *= alpha * scale
    # That is 0 above 0, where the rest is all there is.
    np.maximum(x, 0, out=scratch)
    scratch *= scale
    out += scratch


@blocked
def hardswish(x, out, scratch):
    np.add(x, 3, out=out)
    np.clip(out, 0, 6, out=out)
    out *= x
    out /= 6


KERNELS = {kernel.__name__: kernel for kernel in (mish, softplus, logsigmoid, elu, hardswish)}
