"""The op registry: one declaration an op, and the functions that run it.

An op's public face is a plain Python function with an attribute ``op``; `unary`, `binary`,
`primitive` and `composite` make it. What they make looks the kernel up by slot in the device's
table, wraps the result, and records a node when a gradient will be wanted. Nothing else stands on
that path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import dtypes
from .autograd.mode import mode, observe, set_grad, watch
from .autograd.node import Node, Output, Plan, Version, tick
from .tensor import Tensor

__all__ = ["Op", "Registry", "binary", "composite", "primitive", "registry", "unary"]

Gradient = Callable[..., Any]

# Positions at and above these mean a trait of the argument at (position - offset), see
# `Op._position`.
SHAPE_OF, DTYPE_OF = 1000, 2000


def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


class Op:
    """A declared operation.

    `inputs` counts the leading parameters that are tensors (each may be a sequence of tensors for
    `concat`); the rest are attributes. `vjp` is one function for all inputs (joint) or a tuple with
    one an input, each naming what it needs. `decompose` builds the result of other ops. `since` is
    the kernel API it came with.
    """

    __slots__ = (
        "decompose",
        "doc",
        "dtype",
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
            wanted = [n for n in _names(vjp) if n not in ("g", "needs")]
            picks = tuple(self._position(n) for n in wanted)
            with_needs = "needs" in _names(vjp)

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
            picks = tuple(self._position(n) for n in _names(one)[1:])
            return picks, lambda g, *saved: (one(g, *saved),)
        picks = tuple(
            dict.fromkeys(self._position(n) for v in chosen if v is not None for n in _names(v)[1:])
        )
        at = [
            None if v is None else (v, tuple(picks.index(self._position(n)) for n in _names(v)[1:]))
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
            from .autograd import engine
            from .autograd.mode import set_grad_enabled

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


class Registry:
    """All ops, in slot order; a device's table has one kernel for each."""

    def __init__(self) -> None:
        self._ops: list[Op] = []
        self._by_name: dict[str, Op] = {}
        # Filled tables follow what is registered, or taken back, after them.
        self.listeners: list[Callable[[Op], None]] = []
        self.removed: list[Callable[[Op], None]] = []

    def add(self, op: Op) -> Op:
        """Register `op` and give it its slot; ValueError for a name that is taken."""
        if op.name in self._by_name:
            raise ValueError(f"op '{op.name}' is already registered")
        op.slot = len(self._ops)
        self._ops.append(op)
        self._by_name[op.name] = op
        for listener in self.listeners:
            listener(op)
        return op

    def remove(self, op: Op) -> None:
        """Take back the op registered last (the roll-back of a plugin that failed half-way)."""
        if self._ops[-1] is not op:
            raise ValueError(f"op '{op.name}' is not the one registered last")
        self._ops.pop()
        del self._by_name[op.name]
        for listener in self.removed:
            listener(op)

    def __iter__(self) -> Iterator[Op]:
        return iter(self._ops)

    def __len__(self) -> int:
        return len(self._ops)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Op:
        try:
            return self._by_name[name]
        except KeyError:
            from .errors import UnknownNameError

            raise UnknownNameError.of("op", name, self._by_name) from None


registry = Registry()


def _explain(op: Op, args: Sequence[Any], error: Exception) -> Exception:
    from .diagnose import explain

    return explain(op, args, error)


def _save(plan: Plan, args: Sequence[Any], out: Any) -> tuple[Any, ...]:
    """What a node keeps. Outputs are kept as aliases without a node, or node and output would hold
    each other."""
    if plan.simple:
        return tuple([args[i] for i in plan.picks])
    alias: Any = None
    if plan.out_at >= 0:
        alias = tuple([_alias(o) for o in out]) if type(out) is tuple else _alias(out)
    return tuple([alias if i < 0 else _argument(args, i) for i in plan.picks])


def _argument(args: Sequence[Any], at: int) -> Any:
    if at < SHAPE_OF:
        return args[at]
    if at < DTYPE_OF:
        return args[at - SHAPE_OF]._data.shape
    return args[at - DTYPE_OF].dtype


def _alias(t: Tensor) -> Tensor:
    if t._version is None:
        t._version = Version()
    a = Tensor()
    a._data, a.dtype, a.device, a._node, a._version = t._data, t.dtype, t.device, None, t._version
    return a


def _link(op: Op, args: Sequence[Any], out: Any) -> None:
    """Record a node for `out` (a Tensor or a tuple of them) if an input needs a gradient."""
    nodes: list[Any] = []
    needs: list[bool] = []
    for a in args[: op.inputs]:
        if isinstance(a, Tensor):
            nodes.append(a._node)
            needs.append(a._node is not None)
        else:
            nodes.append(None)
            needs.append(False)
    if True not in needs or not mode.grad:
        return
    if type(out) is tuple:
        if not any(o.dtype.is_floating_point or o.dtype.is_complex for o in out):
            return
    elif not (out.dtype.is_floating_point or out.dtype.is_complex):
        return
    plan = op.plan(tuple(needs))
    node = Node()
    node.plan = plan
    node.edges = tuple([n for n in nodes if n is not None])
    node.saved = _save(plan, args, out)
    node.seq = tick()
    if type(out) is tuple:
        node.shape = ()
        for i, o in enumerate(out):
            if o.dtype.is_floating_point or o.dtype.is_complex:
                o._node = Output(node, i, o._data.shape)
    else:
        node.shape = out._data.shape
        out._node = node
    if watch.on:
        observe(node)


def _wrap(op: Op, data: Any, args: Sequence[Any], device: Any) -> Any:
    """Wrap a kernel's result by the op's dtype rule."""
    rule = op.dtype
    if rule is None:
        kinds: Any = next(a.dtype for a in args if isinstance(a, Tensor))
    elif isinstance(rule, dtypes.dtype):
        kinds = rule
    else:
        ins = [a.dtype if isinstance(a, Tensor) else None for a in args[: op.inputs]]
        kinds = rule(*ins, *args[op.inputs :])
    if op.outputs == 1:
        out = Tensor()
        out._data, out.dtype, out.device, out._node, out._version = data, kinds, device, None, None
        return out
    if isinstance(kinds, dtypes.dtype):
        kinds = (kinds,) * op.outputs
    made = []
    for d, k in zip(data, kinds, strict=True):
        out = Tensor()
        out._data, out.dtype, out.device, out._node, out._version = d, k, device, None, None
        made.append(out)
    return tuple(made)


def _finish(function: Any, op: Op, name: str, doc: str | None) -> Any:
    function.op = op
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def unary(
    name: str,
    vjp: Gradient | None = None,
    *,
    floating: bool = False,
    dtype: dtypes.dtype | None = None,
    decompose: Callable[[Any], Any] | None = None,
    doc: str | None = None,
) -> Any:
    """Declare a pointwise op of one tensor and return its function.

    `floating`: integer inputs are computed in the default dtype. `dtype`: that of the result, else
    the input's. With `decompose` it is a composite.
    """
    op = registry.add(
        Op(
            name,
            ("input",),
            1,
            kind="composite" if decompose else "primitive",
            dtype=dtype,
            doc=doc or "",
            vjp=None if vjp is None else (vjp,),
            decompose=decompose,
        )
    )
    slot = op.slot
    plan = op.plan((True,)) if vjp is not None else None

    def function(input: Tensor) -> Tensor:
        try:
            kind = input.dtype
            if floating and not (kind.is_floating_point or kind.is_complex):
                input = input.to(dtypes.get_default_dtype())
                kind = input.dtype
            device = input.device
            kernel = device.table[slot]
            if kernel is None:
                return _decomposed(op, (input,))
            data = kernel(input._data)
        except Exception as error:
            raise _explain(op, (input,), error) from error
        out = Tensor()
        out._data = data
        out.dtype = kind if dtype is None else dtype
        out.device = device
        out._version = None
        node = input._node
        if node is not None and plan is not None and (not watch.on or mode.grad):
            made = Node()
            made.plan = plan
            made.edges = (node,)
            made.saved = _save(plan, (input,), out)
            made.seq = tick()
            made.shape = data.shape
            out._node = made
            if watch.on:
                observe(made)
        else:
            out._node = None
        return out

    return _finish(function, op, name, doc)


def binary(
    name: str,
    vjps: tuple[Gradient | None, Gradient | None] | None = None,
    *,
    floating: bool = False,
    dtype: dtypes.dtype | None = None,
    decompose: Callable[[Any, Any], Any] | None = None,
    ordered: bool = False,
    doc: str | None = None,
) -> Any:
    """Declare a broadcasting op of two operands, either of which may be a Python number.

    The function made returns NotImplemented for an operand that is neither, so that it serves as an
    operator method as it is. `floating` and `dtype` are as for `unary`; an `ordered` op refuses
    complex operands.
    """
    op = registry.add(
        Op(
            name,
            ("input", "other"),
            2,
            kind="composite" if decompose else "primitive",
            dtype=dtype,
            vjp=vjps,
            doc=doc or "",
            decompose=decompose,
        )
    )
    slot = op.slot
    differentiable = vjps is not None
    if differentiable:
        left, right, both = op.plan((True, False)), op.plan((False, True)), op.plan((True, True))

    def function(input: Any, other: Any) -> Any:
        kind = None
        if isinstance(other, Tensor):
            if isinstance(input, Tensor):
                kind = input.dtype
                if kind is other.dtype and input.device is other.device:
                    b, bn = other._data, other._node
                else:
                    kind = None
        elif other.__class__ is float or other.__class__ is int:
            kind = getattr(input, "dtype", None)
            if kind is not None and (
                kind.is_floating_point
                or (kind.category == 1 and other.__class__ is int and not floating)
            ):
                b, bn = other, None
            else:
                kind = None
        if kind is None or (floating and not kind.is_floating_point):
            settled = settle(op, input, other, floating)
            return NotImplemented if settled is None else general(*settled)
        if ordered and kind.category == 3:
            raise NotImplementedError(
                f"{name} is not implemented for {kind}: complex numbers have no order"
            )
        device = input.device
        try:
            data = device.table[slot](input._data, b)
        except Exception as error:
            if device.table[slot] is None:
                return _decomposed(op, (input, other))
            raise _explain(op, (input, other), error) from error
        out = Tensor()
        out._data = data
        out.dtype = kind if dtype is None else dtype
        out.device = device
        out._version = None
        an = input._node
        if differentiable and (an is not None or bn is not None) and (not watch.on or mode.grad):
            node = Node()
            if bn is None:
                plan, node.edges = left, (an,)
            elif an is None:
                plan, node.edges = right, (bn,)
            else:
                plan, node.edges = both, (an, bn)
            node.plan = plan
            node.saved = _save(plan, (input, other), out) if plan.picks else ()
            node.seq = tick()
            node.shape = data.shape
            out._node = node
            if watch.on:
                observe(node)
        else:
            out._node = None
        return out

    def general(input: Any, other: Any) -> Any:
        """Operands of one dtype and device, or one of them a Python number."""
        like = input if isinstance(input, Tensor) else other
        if ordered and like.dtype.category == 3:
            raise NotImplementedError(
                f"{name} is not implemented for {like.dtype}: complex numbers have no order"
            )
        device = like.device
        kernel = device.table[slot]
        if kernel is None:
            return _decomposed(op, (input, other))
        a = input._data if isinstance(input, Tensor) else input
        b = other._data if isinstance(other, Tensor) else other
        try:
            data = kernel(a, b)
        except Exception as error:
            raise _explain(op, (input, other), error) from error
        out = _wrap(op, data, (input, other), device)
        if differentiable:
            _link(op, (input, other), out)
        return out

    return _finish(function, op, name, doc)


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


def _check_devices(op: Op, args: Sequence[Any]) -> Any:
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


def _decomposed(op: Op, args: Sequence[Any]) -> Any:
    """Run an op that has no kernel here: from other ops, as one node if the op has its own
    gradient."""
    decompose = op.decompose
    assert decompose is not None
    if op.vjp is None or not mode.grad:
        return decompose(*args)
    if not any(isinstance(a, Tensor) and a._node is not None for a in args[: op.inputs]):
        return decompose(*args)
    set_grad(False)
    try:
        out = decompose(*args)
    finally:
        set_grad(True)
    # A decomposition may hand back an input or a view of one; the node needs a tensor of its own.
    out = tuple([_own(o) for o in out]) if op.outputs > 1 else _own(out)
    _link(op, args, out)
    return out


def _own(t: Tensor) -> Tensor:
    if t._version is None:
        return t
    out = Tensor()
    out._data, out.dtype, out.device, out._node, out._version = (
        t._data,
        t.dtype,
        t.device,
        None,
        t._version,
    )
    return out


def _caller(op: Op) -> Callable[..., Any]:
    slot = op.slot
    inputs = op.inputs

    def call(*args: Any) -> Any:
        device = _check_devices(op, args)
        kernel = device.table[slot]
        if kernel is None:
            return _decomposed(op, args)
        try:
            data = kernel(
                *[a._data if isinstance(a, Tensor) else a for a in args[:inputs]], *args[inputs:]
            )
        except Exception as error:
            raise _explain(op, args, error) from error
        out = _wrap(op, data, args, device)
        _link(op, args, out)
        return out

    return call


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
            device = _check_devices(op, args)
            try:
                data = device.table[slot](
                    *[a._data if isinstance(a, Tensor) else a for a in args[:inputs]],
                    *args[inputs:],
                )
            except Exception as error:
                raise _explain(op, args, error) from error
            return _wrap(op, data, args, device)

        return _finish(constant, op, name, doc)
    return _finish(call, op, name, doc)


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
                _names(decompose),
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
        return _finish(_caller(op), op, called, decompose.__doc__)

    return declare


def _identity(a: Tensor) -> Tensor:
    """The same values behind a node of their own, so that what leads to `a` is not counted through
    it."""
    return a.reshape(1, *a.shape).reshape(a.shape)
