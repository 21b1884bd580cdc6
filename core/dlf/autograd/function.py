"""Custom differentiable functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..tensor import Tensor
from .mode import _GradContext, mode
from .node import Node, Output, tick

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What `forward` leaves for `backward`."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self._saved: tuple[Tensor | None, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._freed = False

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs; a write to one of them before backward is then an error."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    "save_for_backward can only save variables, but argument is of type "
                    f"{type(t).__name__}"
                )
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` was given."""
        if self._freed:
            raise RuntimeError(
                "trying to access saved tensors after they have already been freed; pass "
                "retain_graph=True"
            )
        return self._saved

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs `forward` wrote in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (default) or None for an output without gradient."""
        self.materialize_grads = value


class _FunctionPlan:
    """The plan of one call of a `Function`: its class's `backward`, on its context."""

    out_at, picks = -1, ()

    def __init__(
        self,
        function: type[Function],
        ctx: FunctionCtx,
        needs: tuple[bool, ...],
        outputs: tuple[Any, ...],
    ) -> None:
        self.op = self
        self.name, self.outputs = function.__name__, len(outputs)
        self._function, self._ctx, self._needs = function, ctx, needs
        self._likes = [(o._data.shape, o.dtype, o.device) for o in outputs]

    def backward(self, g: Any, ctx: FunctionCtx, *saved: Any) -> list[Any]:
        from ..ops.creation import zeros

        grads = [g] if self.outputs == 1 else list(g)
        if ctx.materialize_grads:
            grads = [
                zeros(shape, dtype=dtype, device=device) if x is None else x
                for x, (shape, dtype, device) in zip(grads, self._likes, strict=True)
            ]
        back = self._function.backward(ctx, *grads)
        results = back if isinstance(back, tuple) else (back,)
        if len(results) < len(self._needs) or any(
            r is not None for r in results[len(self._needs) :]
        ):
            raise RuntimeError(
                f"function {self.name}Backward returned an incorrect number of gradients (expected "
                f"{len(self._needs)}, got {len(results)})"
            )
        return [r for r, n in zip(results, self._needs, strict=False) if n]


class Function(FunctionCtx):
    """A differentiable function with its own `forward` and `backward`; call it by ``apply``.

    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return 2 * ctx.saved_tensors[0] * g
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The values; takes the context first unless the class has `setup_context`."""
        raise NotImplementedError(
            "you must implement the forward function for custom autograd.Function"
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what `backward` needs, where `forward` takes no context."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """One gradient (or None) for each argument of `forward`."""
        raise NotImplementedError(
            "you must implement the backward function for custom autograd.Function"
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` and record `backward`."""
        ctx = FunctionCtx()
        needs = tuple(isinstance(a, Tensor) and a._node is not None for a in args)
        ctx.needs_input_grad = needs
        with _GradContext(False):
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        if not mode.grad or True not in needs:
            return result
        edges = tuple(a._node for a, n in zip(args, needs, strict=True) if n)
        plan = _FunctionPlan(cls, ctx, needs, outputs)
        node = Node()
        node.plan, node.edges, node.seq = plan, edges, tick()
        node.saved = (ctx, *ctx._saved)
        made = []
        for i, o in enumerate(outputs):
            if (
                not isinstance(o, Tensor)
                or any(o is c for c in ctx._constant)
                or not o.dtype.is_floating_point
            ):
                made.append(o)
                continue
            if any(o is d for d in ctx._dirty):
                o._bump(cls.__name__)
                out = o
            elif any(o is a for a in args):
                out = o.detach()
            else:
                out = o
            node.shape = o._data.shape
            out._node = node if len(outputs) == 1 else Output(node, i, o._data.shape)
            made.append(out)
        return tuple(made) if isinstance(result, tuple) else made[0]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that is not itself differentiable."""

    @wraps(backward)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        with _GradContext(False):
            return backward(ctx, *grads)

    return wrapped
