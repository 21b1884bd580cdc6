"""Turns what a kernel raised into one clear message: op, shapes, dtypes, devices, what to do.

Kernels are called without checks; this runs only after one has failed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .errors import DlfError
from .tensor import Tensor

if TYPE_CHECKING:
    from .registry import Op

__all__ = ["explain"]


def _show(a: Any) -> str:
    if isinstance(a, Tensor):
        return f"{a.dtype} {list(a.shape)}" + ("" if a.device.type == "cpu" else f" on {a.device}")
    if isinstance(a, (tuple, list)) and a and isinstance(a[0], Tensor):
        return "[" + ", ".join(_show(x) for x in a) + "]"
    return repr(a)


def _broadcast(shapes: Sequence[Sequence[int]]) -> str | None:
    """What is wrong with broadcasting `shapes` together, None if nothing."""
    for a, b in itertools.pairwise(shapes):
        for i, (m, n) in enumerate(zip(reversed(a), reversed(b), strict=False)):
            if m != n and 1 not in (m, n):
                dim = max(len(a), len(b)) - 1 - i
                return (
                    f"the size of tensor a ({m}) must match the size of tensor b ({n}) at "
                    f"non-singleton dimension {dim}"
                )
    return None


def explain(op: Op, args: Sequence[Any], error: Exception) -> Exception:
    """The error to raise in place of `error`, which a kernel (or an operand) raised."""
    if isinstance(error, (DlfError, MemoryError)) or (
        args and type(error).__module__ not in ("builtins", "numpy.exceptions")
    ):
        return error
    tensors = [a for a in args[: op.inputs] if isinstance(a, Tensor)]
    if not tensors and op.inputs and not isinstance(args[0], (tuple, list)):
        return TypeError(
            f"{op.name}(): argument 'input' must be Tensor, not {type(args[0]).__name__}"
        )
    given = ", ".join(_show(a) for a in args)
    if isinstance(error, (RuntimeError, NotImplementedError)):
        return error
    if isinstance(error, IndexError):
        return IndexError(f"{op.name}({given}): {error}")
    if isinstance(error, (ValueError, AttributeError, TypeError)):
        wrong = _broadcast([t.shape for t in tensors]) if _broadcasts(op) else None
        return RuntimeError(f"{op.name}({given}): {wrong or _told(op, tensors, error)}")
    return error


def _broadcasts(op: Op) -> bool:
    return (op.params == ("input", "other") and op.name != "matmul") or op.name == "where"


def _told(op: Op, tensors: Sequence[Tensor], error: Exception) -> str:
    """What a kernel said; of an error that no argument explains, also that the kernel said it."""
    if isinstance(error, ValueError) or not tensors:
        return str(error)
    source = tensors[0].device.origins[op.slot]
    return f"the kernel of {source.origin} raised {type(error).__name__}: {error}"
