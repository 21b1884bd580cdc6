"""`argmax` and `argmin`: the first of several equal ones wins, and the first NaN over all else.

CuPy's own give, of several NaN in a row, the one that its threads happen to compare first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlf_cupy_gpu import lazy

__all__ = ["kernels"]

Array = Any
Kernel = Callable[[Array, int, bool], Array]

_PREAMBLE = """
template <class T>
struct dlf_place {
  T value;
  long long index;
  __device__ dlf_place() : index(-1) {}
  __device__ dlf_place(T v, long long i) : value(v), index(i) {}
};

template <class T>
__device__ dlf_place<T> dlf_first(const dlf_place<T>& a, const dlf_place<T>& b) {
  if (a.index < 0) return b;
  if (b.index < 0) return a;
  const bool a_is_nan = a.value != a.value, b_is_nan = b.value != b.value;
  if (a_is_nan != b_is_nan) return a_is_nan ? a : b;
  if (a_is_nan || a.value == b.value) return a.index < b.index ? a : b;
  return a.value BETTER b.value ? a : b;
}
"""


def _kernel(name: str, better: str) -> Kernel:
    # `_J` is what CuPy's reductions call the place along the reduced dimension.
    places = lazy.cupy().ReductionKernel(
        "T x",
        "int64 y",
        "dlf_place<T>(x, _J)",
        "dlf_first(a, b)",
        "y = a.index",
        "",
        f"dlf_{name}",
        reduce_type="dlf_place<T>",
        preamble=_PREAMBLE.replace("BETTER", better),
    )

    def kernel(a: Array, dim: int, keepdim: bool) -> Array:
        if not a.ndim:
            return places(a.reshape(1))
        return places(a, axis=dim, keepdims=keepdim)

    return kernel


def kernels() -> dict[str, Kernel]:
    """Kernel by op name."""
    return {"argmax": _kernel("argmax", ">"), "argmin": _kernel("argmin", "<")}
