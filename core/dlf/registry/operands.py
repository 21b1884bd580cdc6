"""What precedes a kernel: operands are brought to one dtype, and checked to share a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import dtypes
from ..tensor import Tensor
from .op import Op

__all__ = ["common_device", "settle"]


def settle(op: Op, input: Any, other: Any, floating: bool) -> tuple[Any, Any] | None:
    """Bring two operands to one dtype and device as PyTorch promotes; None if one is neither tensor
    nor number.

    A number stays a number: a kernel reads it in the array's dtype.
    """
    numbers = (bool, int, float, complex)
    for x in (input, other):
        if not isinstance(x, (Tensor, *numbers)):
            if type(x).__module__ == "numpy" and getattr(x, "ndim", 1) == 0 and hasattr(x, "item"):
                a, b = (y.item() if y is x else y for y in (input, other))
                return settle(op, a, b, floating)
            return None
    kind = dtypes.promote((input, other))
    if floating and not (kind.is_floating_point or kind.is_complex):
        kind = dtypes.get_default_dtype()
    if isinstance(input, Tensor) and isinstance(other, Tensor) and input.device is not other.device:
        if other.ndim == 0 and other.device.type == "cpu":
            other = other.to(input.device)
        elif input.ndim == 0 and input.device.type == "cpu":
            input = input.to(other.device)
        else:
            raise RuntimeError(
                f"{op.name}: expected all tensors on one device, got {input.device} and "
                f"{other.device}; move one with .to(device)"
            )
    if isinstance(input, Tensor):
        input = input if input.dtype is kind else input.to(kind)
    else:
        input = _number(kind, input)
    if isinstance(other, Tensor):
        other = other if other.dtype is kind else other.to(kind)
    else:
        other = _number(kind, other)
    return input, other


def _number(kind: dtypes.dtype, value: Any) -> Any:
    """`value` as the Python number that an array of dtype `kind` takes without being promoted."""
    if kind.is_complex:
        return complex(value)
    if kind.is_floating_point:
        return float(value)
    return bool(value) if kind is dtypes.bool else int(value)


def common_device(op: Op, args: Sequence[Any]) -> Any:
    device = None
    for a in args[: op.inputs]:
        if isinstance(a, Tensor):
            if device is None:
                device = a.device
            elif a.device is not device:
                raise RuntimeError(
                    f"{op.name}: expected all tensors on one device, got {device} and {a.device}; "
                    "move one with .to(device)"
                )
        elif a is not None and not isinstance(a, (tuple, list)):
            raise TypeError(
                f"{op.name}: argument '{op.params[args.index(a)]}' must be a Tensor, got "
                f"{type(a).__name__}"
            )
    if device is None:
        raise TypeError(
            f"{op.name}: expected a Tensor, got {', '.join(type(a).__name__ for a in args)}"
        )
    return device
