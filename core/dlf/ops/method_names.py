"""Which functions are methods of Tensor, which of them have in-place forms, and other names."""

__all__ = ["ALIASES", "INPLACE", "METHODS"]

METHODS = """
abs acos acosh add addcdiv addcmul addmm addmv all allclose amax amin aminmax any argmax argmin
argsort argwhere asin asinh atan atan2 atanh baddbmm bincount bitwise_and bitwise_left_shift
bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm broadcast_to ceil chunk clamp clamp_max
clamp_min clone contiguous copysign cos cosh count_nonzero cumprod cumsum deg2rad diag diag_embed
diagonal digamma dist div dot eq equal erf erfc erfinv exp exp2 expand expand_as expm1 flatten flip
fliplr flipud float_power floor floor_divide fmax fmin fmod frac gather ge gt heaviside hypot
index_add index_copy index_fill index_put index_select isclose isfinite isinf isnan isneginf
isposinf isreal kthvalue le lerp lgamma log log10 log1p log2 logaddexp logical_and logical_not
logical_or logical_xor logit logsumexp lt masked_fill masked_select matmul max maximum mean median
min minimum mm movedim mul mv nan_to_num nanmean nansum narrow ne neg new_empty new_full new_ones
new_tensor new_zeros nonzero norm outer permute positive pow prod rad2deg ravel reciprocal remainder
repeat repeat_interleave reshape reshape_as roll rot90 round rsqrt rsub scatter scatter_add select
sgn sign signbit sin sinc sinh sort split sqrt square squeeze std sub sum sum_to_size t take
take_along_dim tan tanh tensor_split tile topk trace transpose tril triu trunc unbind unflatten
unfold unsqueeze var view view_as xlogy
""".split()
INPLACE = """
abs acos acosh add addcdiv addcmul addmm asin asinh atan atan2 atanh bitwise_and bitwise_left_shift
bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp clamp_max clamp_min copysign cos
cosh cumprod cumsum deg2rad digamma div eq erf erfc erfinv exp exp2 expm1 float_power floor
floor_divide fmod frac ge gt heaviside hypot index_add index_copy index_fill index_put le lerp
lgamma log log10 log1p log2 logical_and logical_not logical_or logical_xor logit lt masked_fill mul
nan_to_num ne neg pow rad2deg reciprocal relu remainder round rsqrt scatter scatter_add sgn sigmoid
sign sin sinc sinh sqrt square sub tan tanh tril triu trunc xlogy
""".split()

ALIASES = {
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
