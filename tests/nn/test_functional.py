"""`dlf.nn.functional` against PyTorch: values, gradients and second derivatives, one row a case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.attention

import dlf

Array = np.ndarray[Any, Any]
Call = Callable[..., Any]


@dataclass(frozen=True)
class Row:
    """A call of ``(library, *tensors)``; float inputs get gradients, the rest are constants."""

    name: str
    call: Call
    inputs: tuple[Any, ...]
    second: bool = True
    constant: tuple[int, ...] = field(default=())


def normal(*shape: int, seed: int = 0) -> Array:
    # Away from 0 and round numbers, where derivatives of kinks would be compared by chance.
    values = np.random.default_rng([seed, *shape]).normal(size=shape) * 2
    return np.where(np.abs(values) < 0.05, 0.3, values)


def uniform(*shape: int, low: float = 0.05, high: float = 0.95, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def integers(high: int, *shape: int, seed: int = 0, low: int = 0) -> Array:
    return np.random.default_rng([seed, high, *shape]).integers(low, high, shape)


def signs(*shape: int) -> Array:
    return np.where(uniform(*shape, seed=9) > 0.5, 1.0, -1.0)


def probabilities(*shape: int, seed: int = 0) -> Array:
    values = uniform(*shape, seed=seed)
    return values / values.sum(1, keepdims=True)


def call(name: str, *args: Any, **kwargs: Any) -> Call:
    """A call of the function of that name, tensors first."""
    return lambda m, *tensors: getattr(m.nn.functional, name)(*tensors, *args, **kwargs)


X = normal(4, 5)
IMAGE = normal(2, 3, 7, 6)
LINE = normal(2, 4, 9)
VOLUME = normal(2, 2, 4, 5, 4)

ACTIVATIONS = [
    Row(name, call(name, *args), (X,))
    for name, *args in [
        ("relu",),
        ("relu6",),
        ("sigmoid",),
        ("tanh",),
        ("softplus",),
        ("softplus", 2.0, 1.5),
        ("silu",),
        ("mish",),
        ("elu",),
        ("elu", 0.7),
        ("selu",),
        ("celu",),
        ("celu", 1.7),
        ("leaky_relu",),
        ("leaky_relu", 0.2),
        ("hardtanh",),
        ("hardtanh", -0.5, 1.5),
        ("hardswish",),
        ("logsigmoid",),
        ("softsign",),
        ("tanhshrink",),
        ("softshrink",),
        ("softshrink", 0.9),
        ("hardshrink",),
        ("threshold", 0.3, -7.0),
        ("gelu",),
        ("softmin", 1),
        ("softmax", 1),
        ("softmax", 0),
        ("log_softmax", 1),
        ("log_softmax", -2),
        ("rrelu",),
    ]
] + [
    Row("gelu-tanh", call("gelu", approximate="tanh"), (X,)),
    Row("hardsigmoid", call("hardsigmoid"), (X,), second=False),
    Row("glu", call("glu"), (normal(4, 6),)),
    Row("glu-0", call("glu", 0), (X,)),
    Row("prelu", call("prelu"), (normal(2, 3, 4), np.array([0.25]))),
    Row("prelu-channels", call("prelu"), (normal(2, 3, 4), normal(3))),
]

LINEAR = [
    Row("linear", call("linear"), (X, normal(3, 5), normal(3))),
    Row("linear-no-bias", call("linear"), (normal(2, 3, 5), normal(4, 5))),
    Row("linear-1d", call("linear"), (normal(5), normal(3, 5), normal(3))),
    Row("linear-weight-1d", call("linear"), (X, normal(5))),
    Row("linear-empty", call("linear"), (normal(0, 5), normal(3, 5), normal(3))),
    Row("bilinear", call("bilinear"), (normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5))),
]

CONVS = [
    Row("conv1d", call("conv1d"), (LINE, normal(6, 4, 3), normal(6))),
    Row(
        "conv1d-all",
        call("conv1d", stride=2, padding=3, dilation=2, groups=2),
        (LINE, normal(6, 2, 3), normal(6)),
    ),
    Row("conv1d-unbatched", call("conv1d"), (normal(4, 9), normal(6, 4, 3))),
    Row("conv2d", call("conv2d"), (IMAGE, normal(4, 3, 3, 2), normal(4))),
    Row("conv2d-1x1", call("conv2d"), (IMAGE, normal(4, 3, 1, 1))),
    Row(
        "conv2d-stride",
        call("conv2d", stride=(2, 3), padding=(1, 2)),
        (IMAGE, normal(4, 3, 3, 2), normal(4)),
    ),
    Row("conv2d-dilation", call("conv2d", dilation=2, padding=1), (IMAGE, normal(4, 3, 3, 2))),
    Row("conv2d-groups", call("conv2d", groups=3), (IMAGE, normal(6, 1, 3, 2), normal(6))),
    Row("conv2d-same", call("conv2d", padding="same"), (IMAGE, normal(4, 3, 4, 3), normal(4))),
    Row("conv2d-valid", call("conv2d", padding="valid"), (IMAGE, normal(4, 3, 4, 3))),
    Row(
        "conv3d",
        call("conv3d", stride=(1, 2, 1), padding=1),
        (VOLUME, normal(3, 2, 2, 3, 2), normal(3)),
    ),
    Row("conv_transpose1d", call("conv_transpose1d", stride=2), (LINE, normal(4, 3, 3), normal(3))),
    Row("conv_transpose2d", call("conv_transpose2d"), (IMAGE, normal(3, 4, 3, 2), normal(4))),
    Row(
        "conv_transpose2d-all",
        call("conv_transpose2d", stride=3, padding=1, output_padding=(1, 2), groups=3, dilation=2),
        (IMAGE, normal(3, 2, 3, 2), normal(6)),
    ),
    Row(
        "conv_transpose3d",
        call("conv_transpose3d", stride=2),
        (VOLUME, normal(2, 3, 2, 3, 2), normal(3)),
    ),
]

POOLS = [
    Row("max_pool1d", call("max_pool1d", 3, 2, 1), (LINE,)),
    Row("max_pool2d", call("max_pool2d", 2), (IMAGE,)),
    Row("max_pool2d-all", call("max_pool2d", (3, 2), (2, 1), (1, 0), (1, 2)), (IMAGE,)),
    Row("max_pool2d-ceil", call("max_pool2d", 3, 2, 1, ceil_mode=True), (IMAGE,)),
    Row("max_pool2d-ceil-edge", call("max_pool2d", 2, 3, 1, ceil_mode=True), (IMAGE,)),
    Row("max_pool2d-indices", call("max_pool2d", 3, 2, 1, return_indices=True), (IMAGE,)),
    Row("max_pool2d-ceil-indices", call("max_pool2d", 3, 2, 1, 1, True, True), (IMAGE,)),
    Row("max_pool2d-unbatched", call("max_pool2d", 2), (normal(3, 6, 6),)),
    Row("max_pool3d", call("max_pool3d", 2, 2, 1, return_indices=True), (VOLUME,)),
    Row("avg_pool1d", call("avg_pool1d", 3, 2, 1), (LINE,)),
    Row("avg_pool2d", call("avg_pool2d", 2), (IMAGE,)),
    Row("avg_pool2d-pad", call("avg_pool2d", 3, 2, 1), (IMAGE,)),
    Row("avg_pool2d-exclude", call("avg_pool2d", 3, 2, 1, False, False), (IMAGE,)),
    Row("avg_pool2d-ceil", call("avg_pool2d", 3, 2, 1, True), (IMAGE,)),
    Row("avg_pool2d-ceil-exclude", call("avg_pool2d", (3, 4), 2, (1, 2), True, False), (IMAGE,)),
    Row("avg_pool2d-divisor", call("avg_pool2d", 3, 2, 1, divisor_override=5), (IMAGE,)),
    Row("avg_pool3d", call("avg_pool3d", 2, 1, 1), (VOLUME,)),
    Row("lp_pool2d", call("lp_pool2d", 3.0, 2), (uniform(2, 3, 6, 6),)),
    Row("adaptive_avg_pool1d", call("adaptive_avg_pool1d", 4), (LINE,)),
    Row("adaptive_avg_pool2d-1", call("adaptive_avg_pool2d", 1), (IMAGE,)),
    Row("adaptive_avg_pool2d", call("adaptive_avg_pool2d", (3, 4)), (IMAGE,)),
    Row("adaptive_avg_pool2d-none", call("adaptive_avg_pool2d", (None, 9)), (IMAGE,)),
    Row("adaptive_avg_pool3d", call("adaptive_avg_pool3d", (2, 3, 1)), (VOLUME,)),
    Row("adaptive_max_pool1d", call("adaptive_max_pool1d", 4, True), (LINE,)),
    Row("adaptive_max_pool2d", call("adaptive_max_pool2d", (3, 4), True), (IMAGE,)),
    Row("adaptive_max_pool3d", call("adaptive_max_pool3d", (2, 3, 1), True), (VOLUME,)),
    Row(
        "max_unpool2d",
        lambda m, x: m.nn.functional.max_unpool2d(
            *m.nn.functional.max_pool2d(x, 2, return_indices=True), 2
        ),
        (normal(2, 3, 6, 6),),
    ),
]


def _running(name: str, training: bool) -> Call:
    """The result and the running statistics that the call has moved."""

    def run(m: Any, x: Any, mean: Any, var: Any, *affine: Any) -> Any:
        mean, var = mean.clone(), var.clone()
        out = getattr(m.nn.functional, name)(x, mean, var, *affine, training, 0.3, 1e-3)
        return out, mean, var

    return run


NORMS = [
    Row("batch_norm", call("batch_norm", None, None, training=True), (IMAGE,)),
    Row(
        "batch_norm-affine",
        lambda m, x, w, b: m.nn.functional.batch_norm(x, None, None, w, b, True),
        (IMAGE, normal(3), normal(3, seed=1)),
    ),
    *[
        Row(
            f"{name}-running-{training}",
            _running(name, training),
            (IMAGE, normal(3), uniform(3), normal(3, seed=2), normal(3, seed=3)),
            constant=(1, 2),
        )
        for name in ("batch_norm", "instance_norm")
        for training in (True, False)
    ],
    Row("batch_norm-2d", call("batch_norm", None, None, training=True), (X,)),
    Row("layer_norm", call("layer_norm", (5,)), (X,)),
    Row(
        "layer_norm-affine",
        lambda m, x, w, b: m.nn.functional.layer_norm(x, (4, 3), w, b, 1e-3),
        (normal(2, 5, 4, 3), normal(4, 3), normal(4, 3, seed=1)),
    ),
    Row("rms_norm", call("rms_norm", (5,)), (X,)),
    Row(
        "rms_norm-weight",
        lambda m, x, w: m.nn.functional.rms_norm(x, (4, 3), w, 1e-3),
        (normal(2, 5, 4, 3), normal(4, 3)),
    ),
    Row(
        "group_norm",
        lambda m, x, w, b: m.nn.functional.group_norm(x, 2, w, b),
        (normal(2, 6, 4, 3), normal(6), normal(6, seed=1)),
    ),
    Row("instance_norm", call("instance_norm"), (IMAGE,)),
    Row("local_response_norm", call("local_response_norm", 2, 0.1), (IMAGE,)),
    Row("local_response_norm-1d", call("local_response_norm", 3, 0.1, 0.5, 2.0), (LINE,)),
    Row("normalize", call("normalize"), (X,)),
    Row("normalize-p", call("normalize", 3.0, 0), (X,)),
]

TABLES = [
    Row("embedding", call("embedding"), (integers(6, 3, 4), normal(6, 5))),
    Row("embedding-padding", call("embedding", padding_idx=2), (integers(6, 3, 4), normal(6, 5))),
    Row(
        "embedding-freq",
        call("embedding", scale_grad_by_freq=True),
        (integers(4, 3, 4), normal(4, 5)),
        second=False,
    ),
    *[
        Row(
            f"embedding_bag-{mode}",
            lambda m, i, w, mode=mode: m.nn.functional.embedding_bag(i, w, mode=mode),
            (integers(6, 3, 4), normal(6, 5)),
            second=False,
        )
        for mode in ("sum", "mean", "max")
    ],
    Row(
        "embedding_bag-offsets",
        lambda m, i, w, o, p: m.nn.functional.embedding_bag(
            i, w, o, mode="sum", per_sample_weights=p
        ),
        (integers(6, 7), normal(6, 5), np.array([0, 3, 3]), normal(7)),
        second=False,
    ),
    Row("one_hot", call("one_hot"), (integers(5, 3, 2),)),
    Row("one_hot-7", call("one_hot", 7), (integers(5, 3, 2),)),
    Row("cosine_similarity", call("cosine_similarity"), (X, normal(4, 5, seed=1))),
    Row(
        "cosine_similarity-dim",
        call("cosine_similarity", dim=-1),
        (normal(3, 1, 5), normal(4, 5, seed=1)),
    ),
    Row("pairwise_distance", call("pairwise_distance"), (X, normal(4, 5, seed=1))),
    Row(
        "pairwise_distance-1",
        call("pairwise_distance", 1.0, keepdim=True),
        (X, normal(4, 5, seed=1)),
    ),
    Row("pdist", call("pdist"), (X,), second=False),
]

SHAPES = [
    Row("pad", call("pad", (1, 2)), (X,)),
    Row("pad-value", call("pad", (1, 2, 0, 3), value=2.5), (X,)),
    Row("pad-crop", call("pad", (-1, 2, 1, -2)), (X,)),
    *[
        Row(f"pad-{mode}-{x.ndim}", call("pad", widths, mode), (x,))
        for mode in ("reflect", "replicate", "circular")
        for x, widths in ((LINE, (3, 2)), (IMAGE, (2, 1, 0, 3)), (VOLUME, (1, 2, 3, 0, 2, 1)))
    ],
    Row("unfold", call("unfold", (2, 3), 2, 1, (1, 2)), (IMAGE,)),
    Row("fold", call("fold", (5, 6), (2, 3), 1, 1, 2), (normal(2, 3 * 6, 9),)),
    Row("pixel_shuffle", call("pixel_shuffle", 2), (normal(2, 8, 3, 2),)),
    Row("pixel_unshuffle", call("pixel_unshuffle", 2), (normal(2, 3, 4, 6),)),
    Row("channel_shuffle", call("channel_shuffle", 3), (normal(2, 6, 4, 3),), second=False),
]

SAMPLING = [
    *[
        Row(f"interpolate-{mode}-{size}", call("interpolate", size, mode=mode), (x,))
        for mode, x in (
            ("nearest", LINE),
            ("nearest", IMAGE),
            ("nearest-exact", IMAGE),
            ("nearest", VOLUME),
            ("linear", LINE),
            ("bilinear", IMAGE),
            ("bicubic", IMAGE),
            ("trilinear", VOLUME),
            ("area", IMAGE),
        )
        for size in (3, 10)
    ],
    Row("interpolate-scale", call("interpolate", scale_factor=1.7, mode="bilinear"), (IMAGE,)),
    Row("interpolate-scale-nearest", call("interpolate", scale_factor=(1.7, 0.6)), (IMAGE,)),
    Row(
        "interpolate-recompute",
        call("interpolate", scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
        (IMAGE,),
    ),
    Row(
        "interpolate-align",
        call("interpolate", (9, 4), mode="bilinear", align_corners=True),
        (IMAGE,),
    ),
    Row(
        "interpolate-align-cubic",
        call("interpolate", (9, 4), mode="bicubic", align_corners=True),
        (IMAGE,),
    ),
    Row(
        "interpolate-antialias",
        call("interpolate", (3, 4), mode="bilinear", antialias=True),
        (IMAGE,),
    ),
    Row(
        "interpolate-antialias-cubic",
        call("interpolate", (3, 9), mode="bicubic", antialias=True),
        (IMAGE,),
    ),
    Row("affine_grid", call("affine_grid", (2, 3, 4, 5), False), (normal(2, 2, 3),)),
    Row("affine_grid-align", call("affine_grid", (2, 3, 4, 5, 2), True), (normal(2, 3, 4),)),
    *[
        Row(
            f"grid_sample-{mode}-{padding}-{align}",
            call("grid_sample", mode, padding, align),
            (IMAGE, grid),
            second=False,
        )
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for align in (False, True)
        for grid in (uniform(2, 4, 3, 2, low=-1.4, high=1.4),)
    ],
    Row(
        "grid_sample-3d",
        call("grid_sample", align_corners=False),
        (VOLUME, uniform(2, 3, 2, 4, 3, low=-1.2, high=1.2)),
        second=False,
    ),
]

Q, K, V = normal(2, 4, 5, 6), normal(2, 4, 7, 6), normal(2, 4, 7, 3)


def _mha(m: Any, *tensors: Any, **kwargs: Any) -> Any:
    q, k, v, w, b, ow, ob = tensors[:7]
    return m.nn.functional.multi_head_attention_forward(
        q,
        k,
        v,
        6,
        2,
        w,
        b,
        kwargs.pop("bias_k", None),
        kwargs.pop("bias_v", None),
        kwargs.pop("add_zero_attn", False),
        0.0,
        ow,
        ob,
        **kwargs,
    )


MHA = (
    normal(5, 3, 6),
    normal(7, 3, 6),
    normal(7, 3, 6, seed=1),
    normal(18, 6),
    normal(18),
    normal(6, 6),
    normal(6),
)

ATTENTION = [
    Row("sdpa", call("scaled_dot_product_attention"), (Q, K, V)),
    Row("sdpa-causal", call("scaled_dot_product_attention", is_causal=True), (Q, K, V)),
    Row("sdpa-scale", call("scaled_dot_product_attention", scale=0.3), (Q, K, V)),
    Row("sdpa-mask", call("scaled_dot_product_attention"), (Q, K, V, normal(5, 7))),
    Row("sdpa-bool", call("scaled_dot_product_attention"), (Q, K, V, uniform(2, 1, 5, 7) > 0.4)),
    Row(
        "sdpa-blind",
        call("scaled_dot_product_attention"),
        (Q, K, V, np.arange(5)[:, None] > np.arange(7)),
    ),
    Row(
        "sdpa-gqa",
        call("scaled_dot_product_attention", enable_gqa=True),
        (Q, normal(2, 2, 7, 6), normal(2, 2, 7, 3)),
    ),
    Row("mha", _mha, MHA),
    Row("mha-no-weights", lambda m, *t: _mha(m, *t, need_weights=False)[0], MHA),
    Row("mha-heads", lambda m, *t: _mha(m, *t, average_attn_weights=False), MHA),
    Row(
        "mha-masks",
        lambda m, *t: _mha(m, *t, attn_mask=t[7], key_padding_mask=t[8], add_zero_attn=True),
        (*MHA, uniform(5, 7) > 0.7, uniform(3, 7) > 0.7),
    ),
    Row(
        "mha-bias-k",
        lambda m, *t: _mha(m, *t, bias_k=t[7], bias_v=t[8], attn_mask=t[9]),
        (*MHA, normal(1, 1, 6), normal(1, 1, 6, seed=1), normal(6, 5, 7)),
    ),
    Row("mha-self", lambda m, x, *t: _mha(m, x, x, x, *t), (MHA[0], *MHA[3:])),
    Row("mha-unbatched", _mha, (normal(5, 6), normal(7, 6), normal(7, 6, seed=1), *MHA[3:])),
]

REDUCTIONS = ("mean", "sum", "none")
LOGITS, CLASSES = normal(6, 4), integers(4, 6)
IGNORED = np.where(np.arange(6) % 3 == 1, -100, CLASSES)
PLACES = np.where(uniform(2, 5, 3) > 0.7, 1, integers(4, 2, 5, 3))


def each(name: str, *inputs: Any, second: bool = True, **kwargs: Any) -> list[Row]:
    """A row for every reduction."""
    label = "-".join([name, *(f"{k}={v}" for k, v in kwargs.items())])
    return [
        Row(f"{label}-{r}", call(name, reduction=r, **kwargs), inputs, second=second)
        for r in REDUCTIONS
    ]


LOSSES = [
    *each("mse_loss", X, normal(4, 5, seed=1)),
    *each("l1_loss", X, normal(4, 5, seed=1)),
    *each("smooth_l1_loss", X, normal(4, 5, seed=1), beta=0.7),
    *each("smooth_l1_loss", X, normal(4, 5, seed=1), beta=0.0),
    *each("huber_loss", X, normal(4, 5, seed=1), delta=1.3),
    *each("cross_entropy", LOGITS, CLASSES),
    *each("cross_entropy", LOGITS, IGNORED),
    *each("cross_entropy", LOGITS, IGNORED, label_smoothing=0.2),
    *each("cross_entropy", LOGITS, probabilities(6, 4), label_smoothing=0.2),
    *each("cross_entropy", normal(2, 4, 5, 3), PLACES, ignore_index=1),
    *each("cross_entropy", normal(2, 4, 5, 3), PLACES, ignore_index=1, label_smoothing=0.1),
    *each("cross_entropy", normal(2, 4, 5, 3), probabilities(2, 4, 5, 3)),
    *each("cross_entropy", normal(4), np.array(2)),
    *[
        Row(
            f"cross_entropy-weight-{kind}-{r}-{s}",
            lambda m, x, t, w, r=r, s=s: m.nn.functional.cross_entropy(
                x, t, w, reduction=r, label_smoothing=s
            ),
            (LOGITS, target, uniform(4)),
            constant=(2,),
        )
        for r in REDUCTIONS
        for s in (0.0, 0.2)
        for kind, target in (("index", IGNORED), ("soft", probabilities(6, 4)))
    ],
    *each("nll_loss", LOGITS, IGNORED),
    *each("nll_loss", normal(2, 4, 5, 3), PLACES),
    *each("binary_cross_entropy", uniform(4, 5), uniform(4, 5, seed=1)),
    *each("binary_cross_entropy_with_logits", X, uniform(4, 5)),
    *[
        Row(
            f"bce-logits-weights-{r}",
            lambda m, x, t, w, p, r=r: m.nn.functional.binary_cross_entropy_with_logits(
                x, t, w, reduction=r, pos_weight=p
            ),
            (X, uniform(4, 5), uniform(4, 5, seed=2), uniform(5, seed=3)),
            constant=(2, 3),
        )
        for r in REDUCTIONS
    ],
    *each("kl_div", normal(6, 4), probabilities(6, 4)),
    *each("kl_div", normal(6, 4), normal(6, 4, seed=1), log_target=True),
    Row("kl_div-batchmean", call("kl_div", reduction="batchmean"), (LOGITS, probabilities(6, 4))),
    *each("cosine_embedding_loss", X, normal(4, 5, seed=1), signs(4), margin=0.1),
    *each("margin_ranking_loss", normal(6), normal(6, seed=1), signs(6), margin=0.4),
    *each("hinge_embedding_loss", X, signs(4, 5)),
    *each("triplet_margin_loss", X, normal(4, 5, seed=1), normal(4, 5, seed=2), swap=True),
    *each("triplet_margin_with_distance_loss", X, normal(4, 5, seed=1), normal(4, 5, seed=2)),
    *each("poisson_nll_loss", X, uniform(4, 5, high=4.0)),
    *each("poisson_nll_loss", uniform(4, 5), uniform(4, 5, high=4.0), log_input=False, full=True),
    *each("gaussian_nll_loss", X, normal(4, 5, seed=1), uniform(4, 5), full=True),
    *each("gaussian_nll_loss", X, normal(4, 5, seed=1), uniform(4)),
    *each("soft_margin_loss", X, signs(4, 5)),
    *each("multi_margin_loss", LOGITS, CLASSES, second=False),
    *each("multi_margin_loss", LOGITS, CLASSES, p=2, margin=0.7, second=False),
    *each("multilabel_margin_loss", LOGITS, np.array([[3, 0, -1, 1]] * 6), second=False),
    *each("multilabel_soft_margin_loss", X, (uniform(4, 5) > 0.5) * 1.0),
]
# PyTorch gives no gradient by the targets of these.
_FIXED_TARGETS = (
    "cosine_embedding",
    "margin_ranking",
    "hinge_embedding",
    "soft_margin",
    "multilabel_soft",
    "poisson_nll",
)
LOSSES = [
    Row(r.name, r.call, r.inputs, r.second, (len(r.inputs) - 1,))
    if r.name.startswith(_FIXED_TARGETS)
    else r
    for r in LOSSES
]

ROWS = [
    *ACTIVATIONS,
    *LINEAR,
    *CONVS,
    *POOLS,
    *NORMS,
    *TABLES,
    *SHAPES,
    *SAMPLING,
    *ATTENTION,
    *LOSSES,
]


def tensors(row: Row, library: Any) -> list[Any]:
    """The row's inputs as the library's tensors."""
    made = []
    for i, value in enumerate(row.inputs):
        t = library.tensor(value)
        made.append(t.requires_grad_() if value.dtype.kind == "f" and i not in row.constant else t)
    return made


def floats(results: Any) -> list[Any]:
    results = results if isinstance(results, (tuple, list)) else (results,)
    return [r for r in results if r is not None and r.requires_grad]


def seeds(outs: list[Any], library: Any, seed: int) -> list[Any]:
    return [library.tensor(normal(*o.shape, seed=seed)) for o in outs]


def compare(mine: Any, theirs: Any, what: str) -> None:
    if theirs is None or mine is None:
        assert (mine is None or not mine.any()) and (theirs is None or not theirs.any()), what
        return
    theirs = theirs.detach().numpy(force=True)
    assert str(mine.dtype).split(".")[1] == str(theirs.dtype), what
    # Differences of large terms leave what is small beside the largest.
    room = 1e-8 + 1e-10 * float(
        np.abs(theirs, where=np.isfinite(theirs), out=np.zeros(theirs.shape)).max(initial=0)
    )
    np.testing.assert_allclose(mine.detach().numpy(), theirs, 1e-7, room, err_msg=what)


@pytest.fixture(params=["kernels", "decompositions"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU's table as it is, and without its kernels for composites."""
    if request.param == "decompositions":
        from dlf.registry import registry

        device = dlf.zeros(1).device
        bare = [
            None if op.decomposes else kernel
            for op, kernel in zip(registry, device.table, strict=True)
        ]
        monkeypatch.setattr(device, "table", bare)


@pytest.mark.usefixtures("table")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_functional(row: Row) -> None:
    outs: list[Any] = []
    for library in (dlf, torch):
        inputs = tensors(row, library)
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            results = row.call(library, *inputs)
        wanted = [t for t in inputs if t.requires_grad]
        state: list[Any] = list(results) if isinstance(results, (tuple, list)) else [results]
        graded = floats(results)
        if graded:
            grad = library.autograd.grad
            first = grad(
                graded,
                wanted,
                seeds(graded, library, 5),
                create_graph=row.second,
                allow_unused=True,
            )
            state += first
            linked = [g for g in first if g is not None and g.requires_grad]
            if row.second and linked:
                state += grad(linked, wanted, seeds(linked, library, 6), allow_unused=True)
        outs.append(state)
    mine, theirs = outs
    labels = ["result or gradient", "position"]
    for i, (m, t) in enumerate(zip(mine, theirs, strict=False)):
        compare(m, t, f"{labels[0]} at {labels[1]} {i}")
    # A second derivative that is 0 everywhere may have no graph in one library alone.
    for extra in mine[len(theirs) :] + theirs[len(mine) :]:
        assert extra is None or not extra.any()


BAD: list[tuple[str, Call, tuple[Any, ...]]] = [
    ("linear-size", call("linear"), (X, normal(3, 4))),
    ("linear-dtype", lambda m, x, w: m.nn.functional.linear(x, w.float()), (X, normal(3, 5))),
    ("conv2d-channels", call("conv2d"), (IMAGE, normal(4, 2, 3, 3))),
    ("conv2d-ndim", call("conv2d"), (X, normal(4, 2, 3, 3))),
    ("conv2d-kernel", call("conv2d"), (IMAGE, normal(4, 3, 9, 9))),
    ("conv2d-bias", call("conv2d"), (IMAGE, normal(4, 3, 3, 3), normal(5))),
    ("conv2d-padding", call("conv2d", padding="some"), (IMAGE, normal(4, 3, 3, 3))),
    ("conv2d-same-stride", call("conv2d", padding="same", stride=2), (IMAGE, normal(4, 3, 3, 3))),
    ("conv_transpose2d-channels", call("conv_transpose2d"), (IMAGE, normal(4, 2, 3, 3))),
    ("max_pool2d-pad", call("max_pool2d", 2, padding=2), (IMAGE,)),
    ("max_pool2d-small", call("max_pool2d", 9), (IMAGE,)),
    ("batch_norm-one", call("batch_norm", None, None, training=True), (normal(1, 3),)),
    ("batch_norm-stats", call("batch_norm", None, None), (X,)),
    ("layer_norm-shape", call("layer_norm", (4,)), (X,)),
    ("group_norm-groups", call("group_norm", 2), (IMAGE,)),
    ("dropout-p", call("dropout", 1.5), (X,)),
    ("embedding-range", call("embedding"), (np.array([7]), normal(6, 5))),
    ("embedding-negative", call("embedding"), (np.array([-1]), normal(6, 5))),
    ("embedding-float", call("embedding"), (X, normal(6, 5))),
    ("one_hot-negative", call("one_hot"), (np.array([-1]),)),
    ("one_hot-large", call("one_hot", 2), (np.array([2]),)),
    ("one_hot-dtype", call("one_hot"), (X,)),
    ("softmax-dim", call("softmax", 2), (X,)),
    ("glu-odd", call("glu"), (X,)),
    ("gelu-word", call("gelu", approximate="x"), (X,)),
    ("prelu-size", call("prelu"), (X, normal(3))),
    ("cross_entropy-batch", call("cross_entropy"), (LOGITS, integers(4, 5))),
    ("cross_entropy-range", call("cross_entropy"), (LOGITS, CLASSES + 3)),
    ("cross_entropy-negative", call("cross_entropy"), (LOGITS, CLASSES - 3)),
    ("cross_entropy-smoothing", call("cross_entropy", label_smoothing=1.2), (LOGITS, CLASSES)),
    ("cross_entropy-dtype", call("cross_entropy"), (LOGITS, CLASSES.astype(float))),
    ("nll_loss-reduction", call("nll_loss", reduction="x"), (LOGITS, CLASSES)),
    ("mse_loss-reduction", call("mse_loss", reduction="x"), (X, X)),
    ("bce-range", call("binary_cross_entropy"), (X, uniform(4, 5))),
    ("bce-shape", call("binary_cross_entropy"), (uniform(4, 5), uniform(4, 1))),
    ("bce-logits-shape", call("binary_cross_entropy_with_logits"), (X, uniform(4, 1))),
    ("gaussian-negative", call("gaussian_nll_loss"), (X, X, -uniform(4, 5))),
    ("pad-odd", call("pad", (1, 2, 3)), (X,)),
    ("pad-long", call("pad", (1,) * 6), (X,)),
    ("pad-reflect", call("pad", (9, 0), "reflect"), (LINE,)),
    ("pad-mode", call("pad", (1, 0), "mirror"), (LINE,)),
    (
        "sdpa-both",
        lambda m, q, k, v, a: m.nn.functional.scaled_dot_product_attention(
            q, k, v, a, is_causal=True
        ),
        (Q, K, V, normal(5, 7)),
    ),
    ("interpolate-none", call("interpolate"), (IMAGE,)),
    ("interpolate-mode", call("interpolate", 3, mode="linear"), (IMAGE,)),
    ("pixel_shuffle", call("pixel_shuffle", 2), (IMAGE,)),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("run", "inputs"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_refused(run: Call, inputs: tuple[Any, ...]) -> None:
    with pytest.raises(Exception) as theirs:  # the type is what is looked for
        run(torch, *map(torch.tensor, inputs))
    kind: type[BaseException] = type(theirs.value)
    if kind.__module__ != "builtins":
        kind = RuntimeError
    with pytest.raises(kind):
        run(dlf, *map(dlf.tensor, inputs))


@pytest.mark.parametrize(
    "name",
    [
        "relu",
        "elu",
        "selu",
        "silu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "leaky_relu",
        "hardtanh",
        "celu",
    ],
)
def test_inplace(name: str) -> None:
    made = []
    for library in (dlf, torch):
        leaf = library.tensor(X, requires_grad=True)
        middle = leaf * 1
        assert getattr(library.nn.functional, name)(middle, inplace=True) is middle
        middle.square().sum().backward()
        made.append((middle, leaf.grad))
    for mine, theirs in zip(*made, strict=True):
        compare(mine, theirs, name)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout"])
def test_dropout(name: str) -> None:
    drop = getattr(dlf.nn.functional, name)
    x = dlf.ones(4000, requires_grad=True)
    y = drop(x, 0.25, True)
    values = np.unique(y.detach().numpy())
    assert len(values) == 2
    y.sum().backward()
    kept = x.grad.numpy() != 0
    assert 0.7 < kept.mean() < 0.8
    assert drop(x, 0.25, False) is x
    if name == "dropout":
        np.testing.assert_allclose(values, [0, 4 / 3])


def test_dropout2d_drops_channels() -> None:
    y = dlf.nn.functional.dropout2d(dlf.ones(8, 16, 3, 3), 0.5).numpy()
    assert ((y == y[:, :, :1, :1]).all()) and 0 < (y == 0).mean() < 1


def test_gumbel_softmax_hard_is_one_hot() -> None:
    logits = dlf.tensor(X, requires_grad=True)
    y = dlf.nn.functional.gumbel_softmax(logits, hard=True)
    np.testing.assert_allclose(np.sort(y.detach().numpy(), 1), [[0, 0, 0, 0, 1]] * 4, atol=1e-12)
    y.square().sum().backward()
    assert logits.grad is not None


def test_embedding_max_norm_shortens_in_place() -> None:
    made = []
    for library in (dlf, torch):
        weight = library.tensor(normal(6, 5))
        index = library.tensor(np.array([1, 1, 4]))
        made.append((library.nn.functional.embedding(index, weight, max_norm=1.0), weight))
    for mine, theirs in zip(*made, strict=True):
        compare(mine, theirs, "max_norm")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("flat", [False, True])
def test_ctc_loss(reduction: str, flat: bool) -> None:
    probs = normal(9, 3, 5)
    rows = integers(5, 3, 4, low=1)
    lengths = [4, 2, 3]
    targets = np.concatenate([r[:n] for r, n in zip(rows, lengths, strict=True)]) if flat else rows
    made = []
    for library in (dlf, torch):
        x = library.tensor(probs, requires_grad=True)
        scores = library.nn.functional.log_softmax(x, 2)
        loss = library.nn.functional.ctc_loss(
            scores, library.tensor(targets), (9, 8, 7), tuple(lengths), reduction=reduction
        )
        loss.sum().backward()
        made.append((loss, x.grad))
    for mine, theirs in zip(*made, strict=True):
        compare(mine, theirs, "ctc")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mode", ["RNN_TANH", "RNN_RELU", "LSTM", "GRU"])
def test_rnn_layer(mode: str, reverse: bool) -> None:
    from dlf.ops.recurrent import rnn_layer

    gates = {"LSTM": 4, "GRU": 3}.get(mode, 1)
    arrays = [
        normal(6, 2, 3),
        normal(2, 4),
        normal(gates * 4, 3) / 3,
        normal(gates * 4, 4) / 3,
        normal(gates * 4),
        normal(gates * 4, seed=1),
    ]
    state = [normal(2, 4, seed=2)]
    x, h, *params = (dlf.tensor(a, requires_grad=True) for a in arrays)
    c = dlf.tensor(state[0], requires_grad=True) if mode == "LSTM" else None
    out, hn, cn = rnn_layer(mode, x, h, c, *params, reverse)

    tx, th, *tparams = (torch.tensor(a, requires_grad=True) for a in arrays)
    tc = torch.tensor(state[0], requires_grad=True)
    kind = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}.get(mode, torch.nn.RNN)
    options = {"nonlinearity": mode[4:].lower()} if mode.startswith("RNN") else {}
    layer = kind(3, 4, dtype=torch.float64, **options)
    with torch.no_grad():
        for p, value in zip(layer.parameters(), tparams, strict=True):
            p.copy_(value)
    given = tx.flip(0) if reverse else tx
    if mode == "LSTM":
        tout, (thn, tcn) = layer(given, (th[None], tc[None]))
        compare(cn, tcn[0], "c")
    else:
        tout, thn = layer(given, th[None])
    tout = tout.flip(0) if reverse else tout
    compare(out, tout, "out")
    compare(hn, thn[0], "h")
    (out.square().sum() + hn.sum() + (0 if cn is None else cn.sum())).backward()
    (tout.square().sum() + thn.sum() + (tcn.sum() if mode == "LSTM" else 0)).backward()
    for mine, theirs in zip((x, h, *params), (tx, th, *layer.parameters()), strict=True):
        compare(mine.grad, theirs.grad, "gradient")


@pytest.mark.parametrize("gate", ["lstm", "gru"])
def test_gates_second_derivative(gate: str) -> None:
    from dlf.autograd import gradgradcheck
    from dlf.ops import recurrent

    arrays = (
        [normal(2, 8), normal(2, 2)]
        if gate == "lstm"
        else [normal(2, 6), normal(2, 6, seed=1), normal(2, 2)]
    )
    op = recurrent.lstm_gates if gate == "lstm" else recurrent.gru_gates
    assert gradgradcheck(op, tuple(dlf.tensor(a, requires_grad=True) for a in arrays))


def test_public_names() -> None:
    given = {n for n in vars(torch.nn.functional) if not n.startswith("_")}
    missing = {
        n
        for n in vars(dlf.nn.functional)
        if not n.startswith("_") and callable(getattr(dlf.nn.functional, n))
    } - given
    assert not missing, f"names that PyTorch does not have: {missing}"
