"""Gives Tensor its methods: the ops by name, operators, aliases and in-place forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..inplace import check_writable, inplace, write
from ..tensor import Tensor
from . import activation, contract, creation, indexing, movement, pointwise, reduce, softmax
from .randoms import BINDINGS as RANDOM_METHODS

__all__ = ["bind"]

_POINTWISE = """
abs sign exp expm1 log log1p sqrt sin cos tanh erf floor logical_not ceil trunc reciprocal rsqrt
square exp2 log2
log10 sinh cosh tan asinh acosh atanh isnan isinf isfinite erfc asin acos atan lgamma digamma erfinv
neg round positive frac sgn
signbit isposinf isneginf isreal deg2rad rad2deg sinc logit add sub rsub mul div floor_divide fmod
remainder
float_power pow maximum minimum atan2 eq ne lt le gt ge bitwise_and bitwise_or bitwise_xor
bitwise_not
bitwise_left_shift bitwise_right_shift clamp clamp_min clamp_max logical_and logical_or logical_xor
lerp addcmul
addcdiv hypot logaddexp xlogy fmax fmin copysign heaviside nan_to_num isclose allclose equal clone
""".split()
_MOVEMENT = """
reshape view reshape_as view_as permute transpose t movedim expand expand_as broadcast_to squeeze
unsqueeze flatten
ravel unflatten contiguous narrow select unbind split chunk tensor_split flip fliplr flipud roll
rot90 tile repeat unfold
""".split()
_REDUCE = """
sum mean prod max min amax amin aminmax argmax argmin any all count_nonzero nansum nanmean var std
logsumexp norm dist
cumsum cumprod sort argsort topk kthvalue median sum_to_size
""".split()
_INDEXING = """
index_select take take_along_dim gather scatter scatter_add index_add index_copy index_fill
index_put masked_fill
masked_select nonzero argwhere diagonal diag_embed diag tril triu repeat_interleave bincount
""".split()
_CONTRACT = "matmul mm bmm mv dot outer addmm addmv baddbmm trace".split()
_CREATION = "new_zeros new_ones new_empty new_full new_tensor".split()
_INPLACE = """
abs sign exp expm1 log log1p sqrt sin cos tanh erf floor ceil trunc reciprocal rsqrt square exp2
log2 log10 sinh cosh
tan asinh acosh atanh erfc asin acos atan lgamma digamma erfinv neg round frac sgn deg2rad rad2deg
sinc logit add sub
mul div floor_divide fmod remainder pow atan2 bitwise_and bitwise_or bitwise_xor bitwise_not eq ne
lt le gt ge
bitwise_left_shift bitwise_right_shift clamp clamp_min clamp_max logical_and logical_or logical_xor
logical_not lerp addcmul addcdiv
hypot copysign nan_to_num xlogy index_add index_copy index_fill index_put masked_fill scatter
scatter_add tril triu
cumsum cumprod relu sigmoid addmm float_power heaviside
""".split()
_ALIASES = {
    "absolute": "abs",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arccosh": "acosh",
    "arcsinh": "asinh",
    "arctanh": "atanh",
    "arctan2": "atan2",
    "divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "negative": "neg",
    "true_divide": "div",
    "fix": "trunc",
    "clip": "clamp",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "not_equal": "ne",
    "moveaxis": "movedim",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "ger": "outer",
    "split_with_sizes": "split",
}


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor in another dtype, on another device, or like another tensor; itself if nothing
    changes.

    ``x.to(dlf.float64)``, ``x.to("cpu")``, ``x.to("cpu", dlf.int64)``, ``x.to(other)``; keywords
    ``dtype``, ``device``, ``copy``, ``non_blocking``.
    """
    from ..devices import device as Device

    dtype, target = kwargs.pop("dtype", None), kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None), kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, Tensor):
            dtype, target = a.dtype, a.device
        elif isinstance(a, (str, Device)):
            target = a
        elif isinstance(a, bool) or a is None:
            continue
        else:
            raise TypeError(f"to(): expected a dtype, a device or a tensor, got {type(a).__name__}")
    out = self
    if target is not None and target is not self.device:
        out = pointwise.move(out, target)
    if dtype is not None:
        out = pointwise.cast(out, dtype)
    return pointwise.clone(out) if copy and out is self else out


def _caster(name: str, dtype: dtypes.dtype) -> Callable[[Tensor], Tensor]:
    def method(self: Tensor) -> Tensor:
        return pointwise.cast(self, dtype)

    method.__name__, method.__doc__ = name, f"This tensor in {dtype}."
    return method


def _reflected(function: Any) -> Any:
    return lambda self, other: function(other, self)


def _matmul(self: Tensor, other: Any) -> Any:
    return contract.matmul(self, other) if isinstance(other, Tensor) else NotImplemented


def _sub(self: Any, other: Any) -> Any:
    pointwise._no_bool(self, other)
    return pointwise._sub(self, other)


def _invert(self: Tensor) -> Tensor:
    if self.dtype.category > 1:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors, got "
            f"{self.dtype}"
        )
    return pointwise.bitwise_not(self)


def _inplace_operator(method: Callable[..., Tensor]) -> Any:
    def operate(self: Tensor, other: Any) -> Any:
        if not isinstance(other, (Tensor, bool, int, float, complex)):
            return NotImplemented
        return method(self, other)

    return operate


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write `src`, broadcast and cast, into this tensor."""
    check_writable(self, "copy_")
    source = src.to(self.device, self.dtype)
    return write(self, indexing.overwrite(self, movement.expand(source, self._data.shape)), "copy_")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write `value`, a number or a 0-d tensor, everywhere."""
    check_writable(self, "fill_")
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
                "dimensions."
            )
        source = value.to(self.device, self.dtype)
    else:
        source = creation.full((), value, dtype=self.dtype, device=self.device)
    return write(self, indexing.overwrite(self, movement.expand(source, self._data.shape)), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Write zeros everywhere."""
    return fill_(self, 0)


def fill_diagonal_(self: Tensor, value: Any) -> Tensor:
    """Write `value` on the main diagonal of a matrix."""
    n = min(self._data.shape)
    at = creation.arange(n, device=self.device)
    self[at, at] = value
    return self


def _type(self: Tensor, dtype: Any = None) -> Any:
    """The dtype's name as PyTorch writes it, or this tensor in another dtype."""
    if dtype is None:
        return f"dlf.{self.dtype.name}"
    return pointwise.cast(self, dtype)


def cpu(self: Tensor) -> Tensor:
    """This tensor on the CPU."""
    return pointwise.move(self, "cpu")


def bind() -> None:
    """Attach every method; run once, when dlf is imported."""
    T: Any = Tensor
    for module, names in (
        (pointwise, _POINTWISE),
        (movement, _MOVEMENT),
        (reduce, _REDUCE),
        (indexing, _INDEXING),
        (contract, _CONTRACT),
        (creation, _CREATION),
    ):
        for name in names:
            setattr(T, name, getattr(module, name))
    T.softmax, T.log_softmax = _softmax, _log_softmax
    T.relu, T.sigmoid = activation.relu, activation.sigmoid
    T.sub, T.where = (
        pointwise.sub,
        lambda self, condition, other: pointwise.where(condition, self, other),
    )
    for name in _INPLACE:
        setattr(T, name + "_", inplace(getattr(T, name), name + "_"))
    for alias, name in _ALIASES.items():
        setattr(T, alias, getattr(T, name))
        if hasattr(T, name + "_"):
            setattr(T, alias + "_", getattr(T, name + "_"))
    for name, dtype in (
        ("float", dtypes.float32),
        ("double", dtypes.float64),
        ("half", dtypes.float16),
        ("bfloat16", dtypes.bfloat16),
        ("int", dtypes.int32),
        ("long", dtypes.int64),
        ("short", dtypes.int16),
        ("char", dtypes.int8),
        ("byte", dtypes.uint8),
        ("bool", dtypes.bool),
        ("cfloat", dtypes.complex64),
        ("cdouble", dtypes.complex128),
    ):
        setattr(T, name, _caster(name, dtype))
    T.to, T.type, T.cpu, T.copy_, T.fill_, T.zero_, T.fill_diagonal_ = (
        to,
        _type,
        cpu,
        copy_,
        fill_,
        zero_,
        fill_diagonal_,
    )
    T.type_as = lambda self, other: pointwise.cast(self, other.dtype)
    T.T = property(lambda self: movement.permute(self, list(range(self.ndim))[::-1]))
    T.mT = property(lambda self: movement.transpose(self, -1, -2))
    T.H = property(lambda self: movement.t(self))
    T.mH = T.mT
    T.__getitem__, T.__setitem__ = indexing.getitem, indexing.setitem
    T.__add__, T.__radd__ = pointwise._add, _reflected(pointwise._add)
    T.__sub__, T.__rsub__ = _sub, _reflected(_sub)
    T.__mul__, T.__rmul__ = pointwise.mul, _reflected(pointwise.mul)
    T.__truediv__, T.__rtruediv__ = pointwise._div, _reflected(pointwise._div)
    T.__floordiv__, T.__rfloordiv__ = pointwise.floordiv, _reflected(pointwise.floordiv)
    T.__mod__, T.__rmod__ = pointwise.remainder, _reflected(pointwise.remainder)
    T.__pow__, T.__rpow__ = pointwise.pow, _reflected(pointwise._pow)
    T.__matmul__ = _matmul
    T.__eq__, T.__ne__ = pointwise.eq, pointwise.ne
    T.__lt__, T.__le__, T.__gt__, T.__ge__ = pointwise.lt, pointwise.le, pointwise.gt, pointwise.ge
    T.__and__, T.__or__, T.__xor__ = (
        pointwise.bitwise_and,
        pointwise.bitwise_or,
        pointwise.bitwise_xor,
    )
    T.__rand__, T.__ror__, T.__rxor__ = map(_reflected, (T.__and__, T.__or__, T.__xor__))
    T.__lshift__, T.__rshift__ = pointwise.bitwise_left_shift, pointwise.bitwise_right_shift
    T.__neg__, T.__pos__, T.__abs__, T.__invert__ = (
        pointwise.neg,
        pointwise.positive,
        pointwise.abs,
        _invert,
    )
    for name, method in (
        ("add", "add_"),
        ("sub", "sub_"),
        ("mul", "mul_"),
        ("truediv", "div_"),
        ("floordiv", "floor_divide_"),
        ("mod", "remainder_"),
        ("pow", "pow_"),
        ("and", "bitwise_and_"),
        ("or", "bitwise_or_"),
        ("xor", "bitwise_xor_"),
        ("lshift", "bitwise_left_shift_"),
        ("rshift", "bitwise_right_shift_"),
    ):
        setattr(T, f"__i{name}__", _inplace_operator(getattr(T, method)))
    for name, function in RANDOM_METHODS.items():
        setattr(T, name, function)


def _softmax(self: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`."""
    x = self if dtype is None else self.to(dtype)
    return softmax.softmax(x, movement.dim_of(dim, x.ndim))


def _log_softmax(self: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """log(softmax(x)) along `dim`."""
    x = self if dtype is None else self.to(dtype)
    return softmax.log_softmax(x, movement.dim_of(dim, x.ndim))
