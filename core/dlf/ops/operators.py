"""Python's operators on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from . import binary, contract, unary
from .elementwise import bitwise_not
from .indexing import getitem, setitem

__all__ = ["INPLACE", "OPERATORS", "inplace_operator"]


def matmul(self: Tensor, other: Any) -> Any:
    return contract.matmul(self, other) if isinstance(other, Tensor) else NotImplemented


def sub(self: Any, other: Any) -> Any:
    binary.no_bool(self, other)
    return binary.sub_op(self, other)


def invert(self: Tensor) -> Tensor:
    if self.dtype.category > 1:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors, got "
            f"{self.dtype}"
        )
    return bitwise_not(self)


def inplace_operator(method: Callable[..., Tensor]) -> Any:
    """`method` as an operator: NotImplemented for what is neither tensor nor number."""

    def operate(self: Tensor, other: Any) -> Any:
        if not isinstance(other, (Tensor, bool, int, float, complex)):
            return NotImplemented
        return method(self, other)

    return operate


def _reflected(function: Any) -> Any:
    return lambda self, other: function(other, self)


# Operators that Python also asks the right operand for.
_REFLECTED: dict[str, Any] = {
    "add": binary.add_op,
    "sub": sub,
    "mul": binary.mul,
    "truediv": binary.div_op,
    "floordiv": binary.floordiv,
    "mod": binary.remainder,
    "and": binary.bitwise_and,
    "or": binary.bitwise_or,
    "xor": binary.bitwise_xor,
}
OPERATORS: dict[str, Any] = {
    **{f"__{name}__": function for name, function in _REFLECTED.items()},
    **{f"__r{name}__": _reflected(function) for name, function in _REFLECTED.items()},
    "__pow__": binary.pow,
    "__rpow__": _reflected(binary.pow_op),
    "__matmul__": matmul,
    "__eq__": binary.eq,
    "__ne__": binary.ne,
    "__lt__": binary.lt,
    "__le__": binary.le,
    "__gt__": binary.gt,
    "__ge__": binary.ge,
    "__lshift__": binary.bitwise_left_shift,
    "__rshift__": binary.bitwise_right_shift,
    "__neg__": unary.neg,
    "__pos__": unary.positive,
    "__abs__": unary.abs,
    "__invert__": invert,
    "__getitem__": getitem,
    "__setitem__": setitem,
}
# The methods behind ``x += y`` and the like.
INPLACE = {
    "add": "add_",
    "sub": "sub_",
    "mul": "mul_",
    "truediv": "div_",
    "floordiv": "floor_divide_",
    "mod": "remainder_",
    "pow": "pow_",
    "and": "bitwise_and_",
    "or": "bitwise_or_",
    "xor": "bitwise_xor_",
    "lshift": "bitwise_left_shift_",
    "rshift": "bitwise_right_shift_",
}
