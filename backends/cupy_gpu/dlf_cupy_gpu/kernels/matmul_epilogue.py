"""`linear` with its bias added inside cuBLASLt's product, where nvmath-python is installed.

The extra pass over the result that a bias otherwise takes is saved; for small products the host's
work is longer than that pass, so these are left to cuBLAS.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from dlf_cupy_gpu.deterministic import matmul_precision

from .common import Array

__all__ = ["KEPT", "SMALLEST", "Linear", "NvmathLinear", "find"]

Linear = Callable[[Array, Array, Array], Array | None]
"""``(..., in), (out, in), (out,) -> (..., out)``, or None where another way is better."""

SMALLEST = 1 << 27
"""Multiplications of the smallest product that is worth the host's work."""
KEPT = 64
"""How many planned products are kept."""

_DTYPES = frozenset({"float16", "bfloat16", "float32", "float64"})


def find() -> Linear | None:
    """The fused `linear`; None where nvmath-python is missing or does not load."""
    try:
        from nvmath.linalg import advanced
    except (ImportError, OSError, RuntimeError):
        return None
    return NvmathLinear(advanced)


class NvmathLinear:
    """`Linear` through ``nvmath.linalg.advanced.Matmul``.

    Plans are made once for each set of shapes, strides and dtypes, and run again with other
    operands.

    Args:
        advanced: the module ``nvmath.linalg.advanced``.
        precision: how float32 is multiplied.
        smallest: multiplications below which None is given.
    """

    def __init__(
        self,
        advanced: Any,
        precision: Callable[[], str] = matmul_precision,
        smallest: int = SMALLEST,
    ) -> None:
        self._advanced, self._precision, self._smallest = advanced, precision, smallest
        self._plans: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, input: Array, weight: Array, bias: Array) -> Array | None:
        """See `Linear`."""
        if input.dtype.name not in _DTYPES or input.size * weight.shape[0] < self._smallest:
            return None
        if not (input.flags.c_contiguous and weight.flags.c_contiguous and bias.flags.c_contiguous):
            return None
        rows = input.reshape(-1, input.shape[-1])
        # The bias has an entry a row of the product, so the product is the result's transpose.
        operands = weight, rows.T
        tf32 = input.dtype.name == "float32" and self._precision() != "highest"
        key = (weight.shape, rows.shape, input.dtype.name, tf32, getattr(input, "device", None))
        with self._lock:
            result = self._run(key, operands, bias, tf32)
        return result.T.reshape(*input.shape[:-1], weight.shape[0])

    def _run(self, key: Any, operands: tuple[Array, Array], bias: Array, tf32: bool) -> Array:
        product = self._plans.pop(key, None)
        inputs = {"bias": bias.reshape(-1, 1)}
        if product is None:
            product = self._planned(operands, inputs, tf32)
        else:
            product.reset_operands(a=operands[0], b=operands[1], epilog_inputs=inputs)
        result = product.execute()
        # Or the arrays of this call would live until the next one.
        product.release_operands()
        self._plans[key] = product
        if len(self._plans) > KEPT:
            self._plans.popitem(last=False)[1].free()
        return result

    def _planned(self, operands: tuple[Array, Array], inputs: Any, tf32: bool) -> Any:
        kinds = self._advanced.MatmulComputeType
        options = {"compute_type": kinds.COMPUTE_32F_FAST_TF32} if tf32 else None
        product = self._advanced.Matmul(*operands, options=options)
        product.plan(epilog=self._advanced.MatmulEpilog.BIAS, epilog_inputs=inputs)
        return product
