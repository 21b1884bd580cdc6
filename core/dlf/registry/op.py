"""`Op`: a declared operation, and the gradient functions made of its declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import dtypes
from ..autograd.mode import mode
from ..autograd.node import Plan
from ..tensor import Tensor

__all__ = ["DTYPE_OF", "SHAPE_OF", "Gradient", "Op", "names"]

Gradient = Callable[..., Any]

# Positions at and above these mean a trait of the argument at (position - offset), see
# `Op._position`.
SHAPE_OF, DTYPE_OF = 1000, 2000


def names(function: Callable[..., Any]) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


class Op:
    """A declared operation.

    `inputs` counts the leading parameters that are tensors (each may be a sequence of tensors for
    `concat`); the rest are attributes. `vjp` is one function for all inputs (joint) or a tuple with
    one an input, each naming what it needs. `decompose` builds the result of other ops. `since` is
    the kernel API it came with. `function` runs it, called positionally, where it was declared by
    one of this package's functions.
    """

    __slots__ = (
        "decompose",
        "doc",
        "dtype",
        "function",
        "inputs",
        "kind",
        "name",
        "outputs",
        "params",
        "plans",
        "since",
        "slot",
        "view",
        "vjp",
    )

    def __init__(
        self,
        name: str,
        params: Sequence[str],
        inputs: int,
        *,
        kind: str,
        vjp: Gradient | tuple[Gradient | None, ...] | None = None,
        decompose: Callable[..., Any] | None = None,
        outputs: int = 1,
        dtype: Callable[..., Any] | dtypes.dtype | None = None,
        since: tuple[int, int] = (1, 0),
        view: bool = False,
        doc: str = "",
    ) -> None:
        self.name, self.params, self.inputs, self.kind = name, tuple(params), inputs, kind
        self.vjp, self.decompose, self.outputs, self.dtype = vjp, decompose, outputs, dtype
        self.since, self.view, self.doc = since, view, doc
        self.plans: dict[tuple[bool, ...], Plan] = {}
        self.slot = -1
        self.function: Callable[..., Any] | None = None

    @property
    def signature(self) -> str:
        """The op's call, such as ``conv2d(x, w, b, stride)``."""
        return f"{self.name}({', '.join(self.params)})"

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow through it."""
        return self.vjp is not None or self.decompose is not None

    @property
    def decomposes(self) -> bool:
        """Whether it can run from other ops where a device has no kernel for it."""
        return self.decompose is not None

    def plan(self, needs: tuple[bool, ...]) -> Plan:
        """The plan for the inputs marked in `needs`."""
        found = self.plans.get(needs)
        if found is None:
            found = self.plans[needs] = Plan(self, needs)
        return found

    def gradient(
        self, needs: tuple[bool, ...]
    ) -> tuple[tuple[int, ...], Callable[..., Sequence[Any]]]:
        """What to keep (argument positions, -1 for the output) and the function that gives the
        gradients."""
        vjp = self.vjp
        if vjp is None:
            return self._decomposed_gradient(needs)
        if callable(vjp):
            wanted = [n for n in names(vjp) if n not in ("g", "needs")]
            picks = tuple(self._position(n) for n in wanted)
            with_needs = "needs" in names(vjp)

            def joint(g: Any, *saved: Any) -> Sequence[Any]:
                named = dict(zip(wanted, saved, strict=True))
                if with_needs:
                    named["needs"] = needs
                grads = vjp(g, **named)
                if self.inputs == 1:
                    return (grads,) if isinstance(grads, Tensor) or grads is None else tuple(grads)
                return [r for r, n in zip(grads, needs, strict=True) if n]

            return picks, joint
        chosen = [v for v, n in zip(vjp, needs, strict=True) if n]
        if len(chosen) == 1 and chosen[0] is not None:
            one = chosen[0]
            picks = tuple(self._position(n) for n in names(one)[1:])
            return picks, lambda g, *saved: (one(g, *saved),)
        picks = tuple(
            dict.fromkeys(self._position(n) for v in chosen if v is not None for n in names(v)[1:])
        )
        at = [
            None if v is None else (v, tuple(picks.index(self._position(n)) for n in names(v)[1:]))
            for v in chosen
        ]

        def each(g: Any, *saved: Any) -> Sequence[Any]:
            return [
                None if pair is None else pair[0](g, *[saved[i] for i in pair[1]]) for pair in at
            ]

        return picks, each

    def _position(self, name: str) -> int:
        """Where a vjp's parameter comes from; `x_shape` and `x_dtype` are traits of x that do not
        keep it."""
        if name == "out":
            return -1
        if name not in self.params:
            base, _, trait = name.rpartition("_")
            if base in self.params and trait in ("shape", "dtype"):
                return self.params.index(base) + (SHAPE_OF if trait == "shape" else DTYPE_OF)
        try:
            return self.params.index(name)
        except ValueError:
            raise TypeError(
                f"op {self.name}: its vjp names '{name}', which is not among "
                f"{', '.join(self.params)}, out, needs"
            ) from None

    def _decomposed_gradient(self, needs: tuple[bool, ...]) -> tuple[tuple[int, ...], Any]:
        """Differentiate a fused forward that has no vjp by running its decomposition again."""
        decompose = self.decompose
        assert decompose is not None

        def backward(g: Any, *args: Any) -> Sequence[Any]:
            from ..autograd import engine
            from ..autograd.mode import set_grad_enabled

            create = mode.grad
            with set_grad_enabled(True):
                fresh = [
                    (_identity(a) if create else a.detach().requires_grad_()) if n else a
                    for a, n in zip(args, needs, strict=False)
                ]
                outs = decompose(*fresh, *args[len(needs) :])
                wanted = [a for a, n in zip(fresh, needs, strict=True) if n]
                pairs = (
                    [(outs, g)]
                    if self.outputs == 1
                    else [
                        p
                        for p in zip(outs, g, strict=True)
                        if p[1] is not None and p[0]._node is not None
                    ]
                )
                return engine.grad(
                    [p[0] for p in pairs],
                    wanted,
                    [p[1] for p in pairs],
                    create_graph=create,
                    allow_unused=True,
                )

        return tuple(range(len(self.params))), backward

    def __repr__(self) -> str:
        return f"<op {self.signature}>"


def _identity(a: Tensor) -> Tensor:
    """The same values behind a node of their own, so that what leads to `a` is not counted through
    it."""
    return a.reshape(1, *a.shape).reshape(a.shape)
