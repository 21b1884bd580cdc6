"""Element types: the `dtype` objects, PyTorch's promotion rules, `finfo` and `iinfo`.

A dtype is a singleton: compare with ``is``. Copying and unpickling give the same object back.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

__all__ = [
    "ALIASES",
    "ALL",
    "bfloat16",
    "bool",
    "can_cast",
    "complex64",
    "complex128",
    "default_complex_dtype",
    "dtype",
    "dtype_named",
    "finfo",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "get_default_dtype",
    "iinfo",
    "int8",
    "int16",
    "int32",
    "int64",
    "promote",
    "promote_types",
    "set_default_dtype",
    "uint8",
]

BOOL: Final = 0
INTEGRAL: Final = 1
FLOATING: Final = 2
COMPLEX: Final = 3


class dtype:
    """The type of a tensor's elements.

    Attributes:
        name: as in ``dlf.float32``: ``"float32"``.
        itemsize: bytes of one element.
        is_floating_point: True for the real floating types.
        is_complex: True for the complex types.
        is_signed: True if negative values can be stored.
        kind: NumPy's letter: ``b`` bool, ``u`` unsigned, ``i`` signed, ``f`` float, ``c`` complex.
        category: place in the order of promotion: 0 bool, 1 integral, 2 floating, 3 complex.
        numpy: the NumPy dtype (for bfloat16 the one of ml_dtypes, imported at the first look).
    """

    __slots__ = (
        "category",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "kind",
        "name",
        "numpy",
    )

    name: str
    itemsize: int
    is_floating_point: builtins.bool
    is_complex: builtins.bool
    is_signed: builtins.bool
    numpy: np.dtype[Any]
    kind: str
    category: int

    def __init__(self, name: str, kind: str, itemsize: int) -> None:
        self.name = name
        self.kind = kind
        self.itemsize = itemsize
        self.category = {"b": BOOL, "u": INTEGRAL, "i": INTEGRAL, "f": FLOATING, "c": COMPLEX}[kind]
        self.is_floating_point = kind == "f"
        self.is_complex = kind == "c"
        self.is_signed = kind in "ifc"
        if name != "bfloat16":
            self.numpy = np.dtype(name)

    def __getattr__(self, attribute: str) -> Any:
        # Reached only while a slot is empty: `numpy` of bfloat16 before its first use.
        if attribute != "numpy" or self.name != "bfloat16":
            raise AttributeError(f"'dlf.dtype' object has no attribute '{attribute}'")
        import ml_dtypes

        self.numpy = np.dtype(ml_dtypes.bfloat16)
        return self.numpy

    def to_real(self) -> dtype:
        """The floating type of a complex type's parts; any other type is returned itself."""
        return _REAL.get(self, self)

    def to_complex(self) -> dtype:
        """The complex type whose parts have this type.

        float16 gives complex64, since dlf has no complex type of halves.

        Raises:
            RuntimeError: for bool and the integers.
        """
        if self.category < FLOATING:
            raise RuntimeError(f"no complex type has parts of dtype {self}")
        return complex128 if self is float64 or self is complex128 else complex64

    def __repr__(self) -> str:
        return f"dlf.{self.name}"

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: object) -> dtype:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return dtype_named, (self.name,)


bool = dtype("bool", "b", 1)
uint8 = dtype("uint8", "u", 1)
int8 = dtype("int8", "i", 1)
int16 = dtype("int16", "i", 2)
int32 = dtype("int32", "i", 4)
int64 = dtype("int64", "i", 8)
float16 = dtype("float16", "f", 2)
bfloat16 = dtype("bfloat16", "f", 2)
float32 = dtype("float32", "f", 4)
float64 = dtype("float64", "f", 8)
complex64 = dtype("complex64", "c", 8)
complex128 = dtype("complex128", "c", 16)

ALL: Final[dict[str, dtype]] = {
    each.name: each
    for each in (
        bool,
        uint8,
        int8,
        int16,
        int32,
        int64,
        float16,
        bfloat16,
        float32,
        float64,
        complex64,
        complex128,
    )
}
ALIASES: Final[dict[str, dtype]] = {
    "short": int16,
    "int": int32,
    "long": int64,
    "half": float16,
    "float": float32,
    "double": float64,
    "cfloat": complex64,
    "cdouble": complex128,
}

_REAL: Final = {complex64: float32, complex128: float64}
_FROM_NUMPY: Final = {each.numpy: each for each in ALL.values() if each is not bfloat16}


def dtype_named(name: str) -> dtype:
    """The dtype of that name or alias, with or without the prefix ``dlf.``.

    Raises:
        TypeError: there is none.
    """
    short = name.removeprefix("dlf.")
    found = ALL.get(short) or ALIASES.get(short)
    if found is None:
        raise TypeError(f"unknown dtype '{name}'; known: {', '.join([*ALL, *ALIASES])}")
    return found


def from_numpy(numpy_dtype: Any) -> dtype:
    """The dtype with the same elements as a NumPy dtype (or whatever ``np.dtype`` accepts).

    Raises:
        TypeError: dlf has no such elements (strings, objects, uint16 ...).
    """
    found = _FROM_NUMPY.get(numpy_dtype) if isinstance(numpy_dtype, np.dtype) else None
    if found is not None:
        return found
    given = np.dtype(numpy_dtype).newbyteorder("=")
    if given.name == "bfloat16":
        return bfloat16
    if given not in _FROM_NUMPY:
        raise TypeError(
            f"no dlf dtype has the elements of numpy.{given}; supported are: {', '.join(ALL)}"
        )
    return _FROM_NUMPY[given]


def _joined(a: dtype, b: dtype) -> dtype:
    low, high = (a, b) if (a.category, a.itemsize) <= (b.category, b.itemsize) else (b, a)
    if low.category < high.category:
        # complex64 cannot hold float64's precision; other types give way to the higher category.
        return complex128 if low is float64 and high.is_complex else high
    if low.itemsize < high.itemsize or low is high:
        return high
    # The same category and size, yet two types: uint8 and int8, or float16 and bfloat16.
    return int16 if high.category == INTEGRAL else float32


_PROMOTED: Final = {(a, b): _joined(a, b) for a in ALL.values() for b in ALL.values()}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both types convert to, by PyTorch's table."""
    return _PROMOTED[type1, type2]


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Whether PyTorch's rules let a result of type `from_` be stored as `to`.

    Only a step down in category is refused: complex to real, real to integral, integral to bool.
    """
    return from_.category <= to.category


def _under(high: dtype | None, low: dtype | None) -> dtype | None:
    # A lower priority class counts only where it is of a higher category.
    if high is None or low is None:
        return high or low
    if low.category <= high.category:
        return high
    return high.to_complex() if high.is_floating_point else _PROMOTED[high, low]


def _scalar_dtype(value: object) -> dtype:
    if isinstance(value, builtins.bool | np.bool_):
        return bool
    if isinstance(value, int | np.integer):
        return int64
    if isinstance(value, float | np.floating):
        return _default
    if isinstance(value, complex | np.complexfloating):
        return default_complex_dtype()
    raise TypeError(f"expected a tensor or a Python number, got {type(value).__name__}")


def promote(operands: Iterable[Any]) -> dtype:
    """The dtype in which an op on these tensors and Python numbers computes, as in PyTorch.

    There are three classes of decreasing priority: tensors with dimensions, tensors without, Python
    numbers. Within a class types are joined by `promote_types`; a lower class changes the result
    only where its category (bool, integral, floating, complex) is higher.

    Args:
        operands: objects with `dtype` and `ndim` (or `dim()`), or Python numbers; at least one.

    Raises:
        TypeError: an operand is neither.
        RuntimeError: there are no operands.
    """
    dimensioned = zero_dim = number = None
    for operand in operands:
        own = getattr(operand, "dtype", None)
        if type(own) is not dtype:
            own = _scalar_dtype(operand)
            number = own if number is None else _PROMOTED[number, own]
        elif operand.ndim if hasattr(operand, "ndim") else operand.dim():
            dimensioned = own if dimensioned is None else _PROMOTED[dimensioned, own]
        else:
            zero_dim = own if zero_dim is None else _PROMOTED[zero_dim, own]
    result = _under(dimensioned, _under(zero_dim, number))
    if result is None:
        raise RuntimeError("at least one tensor or number is needed to find a result's dtype")
    return result


_default = float32


def get_default_dtype() -> dtype:
    """The dtype of tensors made from Python floats; float32 unless set otherwise."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises:
        TypeError: `d` is not a real floating dtype.
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default = d


def default_complex_dtype() -> dtype:
    """The dtype of tensors made from Python complex numbers; follows the default dtype."""
    return _default.to_complex()


class _Limits:
    __slots__ = ("bits", "dtype", "max", "min")

    bits: int
    dtype: str

    def __eq__(self, other: object) -> builtins.bool:
        return type(other) is type(self) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash((type(self), self.dtype))


class finfo(_Limits):
    """Limits of a floating dtype; of a complex one, those of its parts.

    Args:
        type: a floating or complex dtype. Default: the default dtype.

    Attributes:
        bits: bits of one number.
        eps: distance from 1.0 to the next number.
        max, min: largest and smallest finite number.
        tiny, smallest_normal: smallest positive normal number.
        resolution: power of ten of the decimal digits that are always kept.
        dtype: the dtype's name, a string.

    Raises:
        TypeError: `type` is bool or integral.
    """

    __slots__ = ("eps", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        given = _default if type is None else type
        if not isinstance(given, dtype) or given.category < FLOATING:
            raise TypeError(
                f"dlf.finfo() requires a floating point input type, got {given!r}. Use dlf.iinfo "
                "for integers"
            )
        part = given.to_real()
        mantissa, exponent = _FLOATING_LAYOUT[part]
        self.dtype = part.name
        self.bits = part.itemsize * 8
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0**exponent
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.resolution = float(f"1e-{int(mantissa * 0.30103)}")

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


# Bits of the stored mantissa and the largest exponent of two.
_FLOATING_LAYOUT: Final = {
    float16: (10, 15),
    bfloat16: (7, 127),
    float32: (23, 127),
    float64: (52, 1023),
}


class iinfo(_Limits):
    """Limits of an integral dtype.

    Attributes:
        bits: bits of one number.
        max, min: largest and smallest number.
        dtype: the dtype's name, a string.

    Raises:
        TypeError: `type` is not integral.
    """

    __slots__ = ()

    def __init__(self, type: dtype) -> None:
        if not isinstance(type, dtype) or type.category != INTEGRAL:
            raise TypeError(f"dlf.iinfo() requires an integer input type, got {type!r}")
        self.dtype = type.name
        self.bits = type.itemsize * 8
        self.max = 2 ** (self.bits - type.is_signed) - 1
        self.min = -self.max - 1 if type.is_signed else 0

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
