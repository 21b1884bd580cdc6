"""`primitive` and `composite`: the declarations of all ops that are not elementwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import dtypes
from ..tensor import Tensor
from .op import Gradient, Op, names
from .operands import common_device
from .record import decomposed, explained, link, wrap_result
from .table import registry

__all__ = ["composite", "finish", "primitive"]


def finish(function: Any, op: Op, name: str, doc: str | None) -> Any:
    function.op, op.function = op, function
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def primitive(
    name: str,
    params: Sequence[str],
    *,
    inputs: int = 1,
    vjp: Gradient | tuple[Gradient | None, ...] | None = None,
    outputs: int = 1,
    dtype: Callable[..., Any] | dtypes.dtype | None = None,
    doc: str = "",
) -> Any:
    """Declare an op that a backend must give; returns its function, called positionally."""
    op = registry.add(
        Op(name, params, inputs, kind="primitive", vjp=vjp, outputs=outputs, dtype=dtype, doc=doc)
    )
    call = _caller(op)
    if vjp is None:
        slot = op.slot

        def constant(*args: Any) -> Any:
            device = common_device(op, args)
            try:
                data = device.table[slot](
                    *[a._data if isinstance(a, Tensor) else a for a in args[:inputs]],
                    *args[inputs:],
                )
            except Exception as error:
                raise explained(op, args, error) from error
            return wrap_result(op, data, args, device)

        return finish(constant, op, name, doc)
    return finish(call, op, name, doc)


def composite(
    *,
    inputs: int = 1,
    vjp: Gradient | tuple[Gradient | None, ...] | None = None,
    outputs: int = 1,
    dtype: Callable[..., Any] | dtypes.dtype | None = None,
    since: tuple[int, int] = (1, 0),
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Any]:
    """Declare an op by its decomposition into others: the decorated function, called positionally.

    A device may give a kernel of the same name. Without `vjp` the gradient is that of the
    decomposition.
    """

    def declare(decompose: Callable[..., Any]) -> Any:
        called = name or decompose.__name__
        op = registry.add(
            Op(
                called,
                names(decompose),
                inputs,
                kind="composite",
                vjp=vjp,
                decompose=decompose,
                outputs=outputs,
                dtype=dtype,
                since=since,
                doc=decompose.__doc__ or "",
            )
        )
        return finish(_caller(op), op, called, decompose.__doc__)

    return declare


def _caller(op: Op) -> Callable[..., Any]:
    slot = op.slot
    inputs = op.inputs

    def call(*args: Any) -> Any:
        device = common_device(op, args)
        kernel = device.table[slot]
        if kernel is None:
            return decomposed(op, args)
        try:
            data = kernel(
                *[a._data if isinstance(a, Tensor) else a for a in args[:inputs]], *args[inputs:]
            )
        except Exception as error:
            raise explained(op, args, error) from error
        out = wrap_result(op, data, args, device)
        link(op, args, out)
        return out

    return call
