"""dlf: a deep-learning framework with PyTorch's interface, whose devices are plugins.

>>> import dlf
>>> w = dlf.ones(3, requires_grad=True)
>>> (w * w).sum().backward()
>>> w.grad
tensor([2., 2., 2.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import autograd, errors, fallback
from . import dtypes as _dtypes
from ._repr import get_printoptions, set_printoptions
from .autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .devices import device, get_default_device, set_default_device
from .devices import resolve as _resolve
from .dtypes import (
    bfloat16,
    can_cast,
    complex64,
    complex128,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from .fallback import fallback_policy
from .numerics import (
    are_deterministic_algorithms_enabled,
    get_float32_matmul_precision,
    set_float32_matmul_precision,
    use_deterministic_algorithms,
)
from .ops import _bind
from .ops import activation as _activation
from .ops.binary import (
    add,
    atan2,
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    div,
    eq,
    float_power,
    floor_divide,
    fmod,
    ge,
    gt,
    le,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    pow,
    remainder,
    rsub,
    sub,
)
from .ops.clamp import clamp, clamp_max, clamp_min
from .ops.contract import (
    addmm,
    addmv,
    baddbmm,
    bmm,
    dot,
    einsum,
    matmul,
    mm,
    mv,
    outer,
    tensordot,
    trace,
)
from .ops.copying import clone
from .ops.creation import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from .ops.diagonals import diag, diag_embed, diagonal, tril, triu
from .ops.elementwise import (
    addcdiv,
    addcmul,
    allclose,
    bitwise_not,
    copysign,
    equal,
    fmax,
    fmin,
    heaviside,
    hypot,
    isclose,
    lerp,
    logaddexp,
    logical_and,
    logical_or,
    logical_xor,
    logit,
    nan_to_num,
    sinc,
    xlogy,
)
from .ops.gathering import (
    argwhere,
    bincount,
    gather,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    masked_fill,
    masked_select,
    nonzero,
    repeat_interleave,
    scatter,
    scatter_add,
    take,
    take_along_dim,
)
from .ops.joining import (
    cat,
    concat,
    concatenate,
    hstack,
    meshgrid,
    roll,
    rot90,
    stack,
    tile,
    vstack,
)
from .ops.moments import dist, logsumexp, mean, nanmean, nansum, norm, std, std_mean, var, var_mean
from .ops.movement import (
    atleast_1d,
    atleast_2d,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    flatten,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from .ops.ordering import argsort, kthvalue, median, sort, topk
from .ops.randoms import (
    bernoulli,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from .ops.reduce import (
    all,
    amax,
    amin,
    aminmax,
    any,
    argmax,
    argmin,
    count_nonzero,
    max,
    min,
    prod,
    sum,
)
from .ops.scan import cumprod, cumsum
from .ops.slicing import flip, fliplr, flipud, narrow, select
from .ops.splitting import chunk, split, tensor_split, unbind
from .ops.unary import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    ceil,
    cos,
    cosh,
    deg2rad,
    digamma,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    floor,
    frac,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    isreal,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logical_not,
    neg,
    positive,
    rad2deg,
    reciprocal,
    round,
    rsqrt,
    sgn,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from .ops.where import where
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .size import Size
from .tensor import Tensor, is_tensor

if TYPE_CHECKING:
    from . import amp, nn, optim, serialization, utils
    from .amp.region import (
        autocast,
        clear_autocast_cache,
        get_autocast_dtype,
        is_autocast_cache_enabled,
        is_autocast_enabled,
        set_autocast_cache_enabled,
        set_autocast_dtype,
        set_autocast_enabled,
    )
    from .serialization import load, save

bool = _dtypes.bool
double, half, long, short = float64, float16, int64, int16
cfloat, cdouble = complex64, complex128
float = _dtypes.float32
int = _dtypes.int32
relu = _activation.relu
sigmoid = _activation.sigmoid
softmax = _bind.softmax_along
log_softmax = _bind.log_softmax
absolute, clip, negative = abs, clamp, neg
divide, multiply, subtract, true_divide = div, mul, sub, div
arccos, arcsin, arctan, arctan2 = acos, asin, atan, atan2
arccosh, arcsinh, arctanh = acosh, asinh, atanh
greater, greater_equal, less, less_equal, not_equal, fix = gt, ge, lt, le, ne, trunc
moveaxis, swapaxes, swapdims, ger = movedim, transpose, transpose, outer
_bind.bind()

__all__ = [
    "Generator", "Size", "Tensor", "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul",
    "addmm", "addmv", "all", "allclose", "amax", "amin", "aminmax", "amp", "any", "arange",
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "are_deterministic_algorithms_enabled", "argmax", "argmin", "argsort", "argwhere", "as_tensor",
    "asarray", "asin", "asinh", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "autocast",
    "autograd", "baddbmm", "bernoulli", "bfloat16", "bincount", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bmm", "bool",
    "broadcast_shapes", "broadcast_tensors", "broadcast_to", "can_cast", "cat", "cdouble", "ceil",
    "cfloat", "chunk", "clamp", "clamp_max", "clamp_min", "clear_autocast_cache", "clip", "clone",
    "complex64", "complex128", "concat", "concatenate", "copysign", "cos", "cosh", "count_nonzero",
    "cumprod", "cumsum", "default_generator", "deg2rad", "device", "diag", "diag_embed", "diagonal",
    "digamma", "dist", "div", "divide", "dot", "double", "dtype", "einsum", "empty", "empty_like",
    "enable_grad", "eq", "equal", "erf", "erfc", "erfinv", "errors", "exp", "exp2", "expm1", "eye",
    "fallback", "fallback_policy", "finfo", "fix", "flatten", "flip", "fliplr", "flipud", "float",
    "float16", "float32", "float64", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod",
    "frac", "from_numpy", "full", "full_like", "gather", "ge", "ger", "get_autocast_dtype",
    "get_default_device", "get_default_dtype", "get_float32_matmul_precision", "get_printoptions",
    "get_rng_state", "greater", "greater_equal", "gt", "half", "heaviside", "hstack", "hypot",
    "iinfo", "index_add", "index_copy", "index_fill", "index_put", "index_select", "inference_mode",
    "initial_seed", "int", "int8", "int16", "int32", "int64", "is_autocast_cache_enabled",
    "is_autocast_enabled", "is_complex", "is_floating_point", "is_grad_enabled",
    "is_inference_mode_enabled", "is_tensor", "isclose", "isfinite", "isinf", "isnan", "isneginf",
    "isposinf", "isreal", "kthvalue", "le", "lerp", "less", "less_equal", "lgamma", "linspace",
    "load", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logit", "logspace", "logsumexp", "long", "lt",
    "manual_seed", "masked_fill", "masked_select", "matmul", "max", "maximum", "mean", "median",
    "meshgrid", "min", "minimum", "mm", "moveaxis", "movedim", "mul", "multinomial", "multiply",
    "mv", "nan_to_num", "nanmean", "nansum", "narrow", "ne", "neg", "negative", "nn", "no_grad",
    "nonzero", "norm", "normal", "not_equal", "numel", "ones", "ones_like", "optim", "outer",
    "permute", "poisson", "positive", "pow", "prod", "promote_types", "rad2deg", "rand",
    "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "ravel",
    "reciprocal", "relu", "remainder", "repeat_interleave", "reshape", "result_type", "roll",
    "rot90", "round", "rsqrt", "rsub", "save", "scalar_tensor", "scatter", "scatter_add", "seed",
    "select", "serialization", "set_autocast_cache_enabled", "set_autocast_dtype",
    "set_autocast_enabled", "set_default_device", "set_default_dtype",
    "set_float32_matmul_precision", "set_grad_enabled", "set_num_threads", "set_printoptions",
    "set_rng_state", "sgn", "short", "sigmoid", "sign", "signbit", "sin", "sinc", "sinh", "softmax",
    "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "std_mean", "sub", "subtract",
    "sum", "swapaxes", "swapdims", "t", "take", "take_along_dim", "tan", "tanh", "tensor",
    "tensor_split", "tensordot", "tile", "topk", "trace", "transpose", "tril", "triu",
    "true_divide", "trunc", "uint8", "unbind", "unflatten", "unsqueeze",
    "use_deterministic_algorithms", "utils", "var", "var_mean", "vstack", "where", "xlogy", "zeros",
    "zeros_like",
]  # fmt: skip

__version__ = "0.1.0"

_SUBMODULES = (
    "amp",
    "conform",
    "dispatch",
    "nn",
    "optim",
    "plugin",
    "registry",
    "serialization",
    "utils",
    "xp",
)
_FROM_AMP = (
    "autocast",
    "clear_autocast_cache",
    "get_autocast_dtype",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
)
_FROM_SERIALIZATION = ("load", "save")


def set_num_threads(n: Any) -> None:
    """Limit the threads that the CPU's kernels use; those of BLAS where threadpoolctl is there."""
    if not hasattr(n, "__index__") or n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    limit = getattr(_resolve("cpu").backend, "set_num_threads", None)
    if limit is not None:
        limit(n.__index__())
    try:
        import threadpoolctl
    except ImportError:
        return
    threadpoolctl.threadpool_limits(n)


def is_floating_point(input: Tensor) -> Any:
    """Whether the dtype of `input` is a real floating one."""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> Any:
    """Whether the dtype of `input` is complex."""
    return input.dtype.is_complex


def numel(input: Tensor) -> Any:
    """The number of elements."""
    return input.numel()


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype that an op of the two gives."""
    return _dtypes.promote((tensor1, tensor2))


def __getattr__(name: str) -> Any:
    import importlib

    if name in _SUBMODULES:
        try:
            module = importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
            raise AttributeError(f"module 'dlf' has no attribute {name!r}") from None
        globals()[name] = module
        return module
    if name in _FROM_SERIALIZATION:
        from . import serialization

        return getattr(serialization, name)
    if name in _FROM_AMP:
        from .amp import region

        value = globals()[name] = getattr(region, name)
        return value
    if not name.startswith("_"):
        from .device_modules import find

        found = find(name)
        if found is not None:
            return found
    raise AttributeError(f"module 'dlf' has no attribute {name!r}")
