"""Faults of kernels that move elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fault import Array, Fault, Hands, Kernel
from .plants import altered, called, floating, hosted, nan

__all__ = ["FAULTS"]


def _aliasing_set(kernel: Kernel, hands: Hands) -> Kernel:
    def faulty(a: Any, src: Any, *where: Any) -> Any:
        result = kernel(a, src, *where)
        hands.device.backend.assign(a, result)
        return result

    return faulty


def _copied(kernel: Kernel, hands: Hands) -> Kernel:
    """A movement kernel whose result has memory of its own."""
    return lambda *args: hands.kernel("copy")(kernel(*args))


def _same(kernel: Kernel, a: Any, shape: Any) -> Any:
    return a if a.shape == shape else kernel(a, shape)


def _forward(kernel: Kernel, a: Any, starts: Any, steps: Any, sizes: Any) -> Any:
    lowest = tuple(
        s if step > 0 else s + step * max(size - 1, 0)
        for s, step, size in zip(starts, steps, sizes, strict=True)
    )
    return kernel(a, lowest, tuple(map(abs, steps)), sizes)


def _dense(kernel: Kernel, a: Any, starts: Any, steps: Any, sizes: Any) -> Any:
    return kernel(a, starts, tuple(1 if s > 0 else -1 for s in steps), sizes)


def _early(kernel: Kernel, a: Any, starts: Any, steps: Any, sizes: Any) -> Any:
    return kernel(
        a,
        tuple(s - 1 if s > 0 and step > 0 else s for s, step in zip(starts, steps, strict=True)),
        steps,
        sizes,
    )


def _forward_set(kernel: Kernel, a: Any, src: Any, starts: Any, steps: Any, sizes: Any) -> Any:
    return _forward(lambda x, *where: kernel(x, src, *where), a, starts, steps, sizes)


def _other_side(kernel: Kernel, a: Any, widths: Any, value: Any) -> Any:
    return kernel(a, tuple((hi, lo) for lo, hi in widths), value)


def _last_first(kernel: Kernel, a: Any, widths: Any, value: Any) -> Any:
    return kernel(a, tuple(reversed(widths)), value)


def _unpadded(kernel: Kernel, a: Any, widths: Any, value: Any) -> Any:
    return kernel(a, widths, value) if any(map(any, widths)) else a


def _lone_alias(kernel: Kernel, arrays: Any, dim: int) -> Any:
    return arrays[0] if len(arrays) == 1 else kernel(arrays, dim)


def _without_last_empty(out: Array, arrays: Any, dim: int) -> Array:
    if all(a.shape[dim] for a in arrays) or not out.size:
        return out
    return np.zeros_like(out)


def _tiled(a: Array, shape: Any) -> Array:
    return np.resize(a, shape) if a.size else np.broadcast_to(a, shape).copy()


def _columns_first(out: Array, a: Array) -> Array:
    return out[np.lexsort(out.T)] if a.ndim > 1 else out


FAULTS = (
    Fault(
        "reshape/columns-first",
        "reshape",
        hosted(lambda a, shape: a.reshape(shape, order="F")),
        "elements are counted along the first dimension first",
    ),
    Fault(
        "reshape/copies",
        "reshape",
        _copied,
        "a device with views gives a copy: writes to it are lost",
        groups=("gradient", "system"),
        needs="views",
    ),
    Fault(
        "reshape/aliases",
        "reshape",
        called(_same),
        "a device without views returns the input itself",
        groups=("gradient", "system"),
        needs="no views",
    ),
    Fault(
        "permute/inverse",
        "permute",
        called(lambda kernel, a, dims: kernel(a, tuple(int(d) for d in np.argsort(dims)))),
        "the inverse permutation, which differs only in cycles of three",
    ),
    Fault(
        "permute/shape-only",
        "permute",
        hosted(lambda a, dims: a.reshape([a.shape[d] for d in dims])),
        "the shape is permuted and the elements stay",
    ),
    Fault(
        "permute/copies",
        "permute",
        _copied,
        "a device with views gives a copy: writes to it are lost",
        groups=("gradient", "system"),
        needs="views",
    ),
    Fault(
        "broadcast_to/tiles",
        "broadcast_to",
        hosted(_tiled),
        "the memory is repeated, whatever dimension is 1",
    ),
    Fault("slice/one-early", "slice", called(_early), "the start is off by one"),
    Fault("slice/step-ignored", "slice", called(_dense), "every step is 1"),
    Fault(
        "slice/negative-step", "slice", called(_forward), "the right elements in the wrong order"
    ),
    Fault(
        "slice/copies",
        "slice",
        _copied,
        "a device with views gives a copy: writes to it are lost",
        groups=("gradient", "system"),
        needs="views",
    ),
    Fault("slice_set/in-place", "slice_set", _aliasing_set, "the input is written, too"),
    Fault(
        "slice_set/negative-step", "slice_set", called(_forward_set), "written in the wrong order"
    ),
    Fault(
        "pad/zeros",
        "pad",
        called(lambda kernel, a, widths, value: kernel(a, widths, type(value)(0))),
        "whatever the value, zeros are put in",
    ),
    Fault("pad/sides-swapped", "pad", called(_other_side), "low and high are confused"),
    Fault(
        "pad/last-dim-first",
        "pad",
        called(_last_first),
        "widths are taken from the last dimension on, as PyTorch's F.pad does",
    ),
    Fault(
        "pad/nothing-aliases",
        "pad",
        called(_unpadded),
        "without widths the input itself is returned",
    ),
    Fault("concat/one-aliases", "concat", called(_lone_alias), "a single array is returned itself"),
    Fault(
        "concat/empty-breaks",
        "concat",
        altered(_without_last_empty),
        "an empty array among them breaks the offsets",
    ),
    Fault(
        "concat/first-dim",
        "concat",
        hosted(
            lambda arrays, dim: np.concatenate([np.moveaxis(a, dim, 0) for a in arrays]).reshape(
                [
                    sum(a.shape[d] for a in arrays) if d == dim else n
                    for d, n in enumerate(arrays[0].shape)
                ]
            )
        ),
        "the memories are laid one after the other, whatever the dim",
    ),
    Fault(
        "nonzero/columns-first",
        "nonzero",
        altered(_columns_first),
        "places are in column-major order",
    ),
    Fault(
        "nonzero/fractions",
        "nonzero",
        hosted(lambda a: np.argwhere(a.astype(np.int64) if floating(a) else a)),
        "fractions are truncated to 0 first",
    ),
    Fault(
        "nonzero/nan",
        "nonzero",
        hosted(lambda a: np.argwhere((a != 0) & ~nan(a))),
        "NaN counts as zero; it is not",
    ),
    Fault(
        "nonzero/int32",
        "nonzero",
        hosted(lambda a: np.argwhere(a).astype(np.int32)),
        "int32 instead of int64",
    ),
)
