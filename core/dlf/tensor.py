"""Tensor: five slots, and what cannot be said as an op.

Ops are bound to the class in `dlf.ops` (`_bind.py`); views and in-place writes are in `inplace.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import dtypes
from .autograd.node import Leaf, Output, Version
from .size import Size

if TYPE_CHECKING:
    import numpy as np

    from .devices import device as Device

__all__ = ["Tensor", "is_tensor", "wrap"]


class Tensor:
    """A multi-dimensional array of one dtype on one device, with PyTorch's interface.

    What every result must set is kept to five slots: the backend's array, dtype, device, the
    autograd node (None: no gradient wanted) and the version counter (None until first viewed or
    written). Everything rare lives in the instance's dictionary. Make tensors with `dlf.tensor`,
    `dlf.zeros` and the other factories.
    """

    __slots__ = ("__dict__", "__weakref__", "_data", "_node", "_version", "device", "dtype")

    _data: Any
    dtype: dtypes.dtype
    device: Device
    _node: Any
    _version: Any
    # Rare state: class-level defaults, set on the instance when needed.
    _grad: Tensor | None = None
    _view: Any = None
    _multi: bool = False
    __array_priority__ = 1000
    __hash__ = object.__hash__

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the methods bound from dlf.ops
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # elementwise, as PyTorch
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # elementwise, as PyTorch
        def __neg__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    # ------------------------------------------------------------------ shape

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return tuple.__new__(Size, self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of dimension `dim`."""
        if dim is None:
            return tuple.__new__(Size, self._data.shape)
        shape = self._data.shape
        if not -len(shape) <= dim < max(len(shape), 1) or not shape:
            raise IndexError(
                f"size(): dimension {dim} is out of range for a tensor of shape {list(shape)}"
            )
        return shape[dim]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._data.shape)

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self._data.shape)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for s in self._data.shape:
            n *= s
        return n

    nelement = numel

    def __len__(self) -> int:
        shape = self._data.shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def stride(self, dim: int | None = None) -> Any:
        """Elements between neighbours in each dimension, or in `dim`."""
        of = getattr(self.device.backend, "strides", None)
        strides = of(self._data) if of is not None else contiguous_strides(self._data.shape)
        return strides if dim is None else strides[dim]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory in row-major order without gaps."""
        shape = self._data.shape
        wanted = contiguous_strides(shape)
        return 0 in shape or all(
            s == w or n == 1 for s, w, n in zip(self.stride(), wanted, shape, strict=True)
        )

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.numel() * self.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the dtype is a real floating one."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the dtype is complex."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """Whether the dtype can hold negative numbers."""
        return self.dtype.is_signed

    def is_same_size(self, other: Tensor) -> bool:
        """Whether `other` has the same shape."""
        return bool(self._data.shape == other._data.shape)

    @property
    def is_cpu(self) -> bool:
        """Whether the tensor is on the CPU."""
        return self.device.type == "cpu"

    @property
    def layout(self) -> str:
        """Always ``"strided"``."""
        return "strided"

    def get_device(self) -> int:
        """The device's index, -1 on the CPU."""
        return -1 if self.device.index is None else self.device.index

    # ------------------------------------------------------------------ autograd

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded for gradients."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start (or stop) recording ops on this leaf; RuntimeError for a dtype without
        gradients."""
        if requires_grad:
            if self._node is None:
                if self.dtype.is_complex:
                    raise NotImplementedError(
                        "gradients of complex tensors are not there yet; keep real and imaginary "
                        "parts as two tensors"
                    )
                if not self.dtype.is_floating_point:
                    raise RuntimeError(
                        "only tensors of floating point and complex dtype can require gradients, "
                        f"got {self.dtype}"
                    )
                self._node = Leaf(self)
        elif self._node is not None:
            if type(self._node) is not Leaf:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables; use x.detach() for "
                    "a tensor without gradient"
                )
            self._node = None
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        node = self._node
        return node is None or type(node) is Leaf

    @property
    def grad_fn(self) -> Any:
        """The node of the op that made this tensor, None for a leaf."""
        node = self._node
        if node is None or type(node) is Leaf:
            return None
        return node.parent if type(node) is Output else node

    @property
    def output_nr(self) -> int:
        """Which output of its op this tensor is."""
        return self._node.index if type(self._node) is Output else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has accumulated, None before."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got {type(value).__name__}"
                )
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"assigned grad has shape {list(value.shape)}, its tensor has "
                    f"{list(self.shape)}"
                )
            if value.dtype is not self.dtype:
                raise RuntimeError(
                    f"assigned grad has dtype {value.dtype}, its tensor has {self.dtype}"
                )
            if value.device is not self.device:
                raise RuntimeError(
                    f"assigned grad is on {value.device}, its tensor is on {self.device}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add d(self)/d(leaf), weighted by `gradient`, to the ``grad`` of each leaf of the graph.

        `gradient` may be left out for a tensor of one element. `inputs` limits the tensors whose
        ``grad`` is added to. The graph is freed unless `retain_graph` (default: `create_graph`).
        """
        from .autograd.engine import backward

        backward((self,), (gradient,), retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same memory without history: writes through it are seen by, and counted in, both."""
        if self._version is None:
            self._version = Version()
        out = Tensor()
        out._data, out.dtype, out.device, out._node, out._version = (
            self._data, self.dtype, self.device, None, self._version,
        )  # fmt: skip
        if isinstance(self._view, str):
            out._view = self._view
        return out

    def detach_(self) -> Tensor:
        """Cut this tensor from its history in place; RuntimeError for a view."""
        if self._view is not None:
            raise RuntimeError("can't detach views in-place; use detach() instead")
        self._node = None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history, and with a version counter of its own."""
        out = Tensor()
        out._data, out.dtype, out.device, out._node, out._version = (
            self._data, self.dtype, self.device, None, None,
        )  # fmt: skip
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data must be a Tensor, got {type(value).__name__}")
        self._data, self.dtype, self.device = value._data, value.dtype, value.device
        if type(self._node) is Leaf:
            self._node.shape = value._data.shape

    def retain_grad(self) -> None:
        """Keep ``grad`` of this non-leaf tensor in the next backward."""
        if self._node is None:
            raise RuntimeError("can't retain_grad on a tensor that has requires_grad=False")
        if type(self._node) is not Leaf:
            import weakref

            self._node.retain = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called."""
        node = self._node
        return node is not None and type(node) is not Leaf and node.retain is not None

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call `hook` with the gradient of this tensor each time it is computed; it may return
        another.

        Returns a handle with ``remove()``.
        """
        if self._node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        from .autograd.hooks import Handle

        if self._node.hooks is None:
            self._node.hooks = []
        self._node.hooks.append(hook)
        return Handle(self._node.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call `hook` with this leaf after its ``grad`` was added to; returns a handle with
        ``remove()``."""
        if type(self._node) is not Leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        from .autograd.hooks import Handle

        if self._node.after is None:
            self._node.after = []
        self._node.after.append(hook)
        return Handle(self._node.after, hook)

    @property
    def _base(self) -> Tensor | None:
        """The tensor that this one is a view of."""
        return self._view[0] if isinstance(self._view, tuple) else None

    def _bump(self, op: str) -> None:
        """Note that `op` has written this tensor's memory."""
        from .inplace import bump

        bump(self, op)

    # ------------------------------------------------------------------ to Python and NumPy

    def item(self) -> Any:
        """The one element as a Python number; RuntimeError if there is not exactly one."""
        host = self.device.backend.to_host(self._data)
        if host.size != 1:
            raise RuntimeError(f"a Tensor with {host.size} elements cannot be converted to Scalar")
        value = host.item()
        return float(value) if self.dtype is dtypes.bfloat16 else value

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        host = self.device.backend.to_host(self._data)
        return host.astype("float32").tolist() if self.dtype is dtypes.bfloat16 else host.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The elements as a NumPy array, sharing memory on the CPU.

        RuntimeError for a tensor that requires grad and TypeError for one on another device, unless
        `force`.
        """
        if not force:
            if self._node is not None:
                raise RuntimeError(
                    "can't call numpy() on a Tensor that requires grad; use "
                    "tensor.detach().numpy() instead"
                )
            if self.device.type != "cpu":
                raise TypeError(
                    f"can't convert a tensor on {self.device} to numpy; use tensor.cpu() to copy "
                    "it to the host first"
                )
        return self.device.backend.to_host(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        host = self.numpy()
        if dtype is not None and host.dtype != dtype:
            return host.astype(dtype)
        return host.copy() if copy else host

    def __bool__(self) -> bool:
        n = self.numel()
        if n != 1:
            what = "no values" if n == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self.item())

    def is_nonzero(self) -> bool:
        """Whether the one element is not zero."""
        return bool(self)

    def _scalar(self) -> Any:
        if self.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars, got "
                f"{list(self.shape)}"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._scalar())

    def __int__(self) -> int:
        return int(self._scalar())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.dtype.is_floating_point or self.dtype.is_complex or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __format__(self, spec: str) -> str:
        if self.ndim == 0 and spec:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __repr__(self) -> str:
        from ._repr import tensor_repr

        return tensor_repr(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        host = self.device.backend.to_host(self._data)
        if self.dtype is dtypes.bfloat16:
            host = host.view("uint16")
        return _rebuild, (type(self), host, self.dtype, str(self.device), self.requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "only Tensors created explicitly by the user support the deepcopy protocol; "
                "detach() first"
            )
        if id(self) in memo:
            return memo[id(self)]
        out = object.__new__(type(self))
        host = self.device.backend.to_host(self._data).copy()
        out._data = self.device.put(host, self.dtype)
        out.dtype, out.device = self.dtype, self.device
        out._version = out._node = None
        memo[id(self)] = out
        if self._node is not None:
            out.requires_grad_()
        if self._grad is not None:
            import copy

            out._grad = copy.deepcopy(self._grad, memo)
        return out


def _rebuild(
    kind: type[Tensor], host: Any, dtype: dtypes.dtype, where: str, requires_grad: bool
) -> Tensor:
    from .devices import resolve

    if dtype is dtypes.bfloat16:
        host = host.view(dtype.numpy)
    target = resolve(where)
    out = object.__new__(kind)
    out._data = target.put(host, dtype)
    out.dtype, out.device, out._node, out._version = dtype, target, None, None
    return out.requires_grad_(requires_grad)


def wrap(data: Any, dtype: dtypes.dtype, device: Device) -> Tensor:
    """A tensor around a backend's array, without history."""
    out = Tensor()
    out._data, out.dtype, out.device, out._node, out._version = data, dtype, device, None, None
    return out


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides in elements, as PyTorch counts them (an empty dimension counts as one)."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)
