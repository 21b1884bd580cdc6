"""Which ops autocast runs in which dtype where a backend has no ``amp`` service of its own.

The lists are PyTorch's: `CPU` its lists for the CPU, `GENERAL` those that its accelerators share,
in the names of dlf's ops, and of the functions that choose a dtype as one (`dlf.amp.listed`).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CPU", "GENERAL", "Lists"]


@dataclass(frozen=True)
class Lists:
    """An ``amp`` service (`dlf.plugin.services.Amp`) made of its attributes."""

    lower_precision: frozenset[str]
    float32: frozenset[str]
    promote: frozenset[str] = frozenset()
    float32_inside: frozenset[str] = frozenset()
    dtypes: frozenset[str] = frozenset({"bfloat16", "float16"})
    default_dtype: str = "bfloat16"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PRODUCTS = _names(
    """
    matmul addmm baddbmm linear prelu
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    conv2d_input_grad conv3d_input_grad
    attention flash_attention scaled_dot_product_attention lstm_sequence
    """
)
_LOSSES = _names(
    """
    binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy hinge_embedding_loss
    huber huber_loss kl_div kl_divergence l1_loss margin_ranking_loss mse_loss multi_margin_loss
    multilabel_margin_loss nll nll_loss poisson_nll_loss smooth_l1 smooth_l1_loss soft_margin
    soft_margin_loss triplet_margin_loss
    """
)
# Their parameters are float32 where their input is not; other frameworks' kernels take both.
_NORMS = _names("batch_norm batch_norm_inference group_norm layer_norm rms_norm")

CPU = Lists(
    lower_precision=_PRODUCTS,
    float32=_LOSSES
    | _names("adaptive_avg_pool3d avg_pool3d binary_cross_entropy ctc_loss prod trace"),
    promote=_names("gru_gates index_copy lstm_gates"),
    float32_inside=_NORMS,
)
GENERAL = Lists(
    lower_precision=_PRODUCTS | _names("addmv gru_gates lstm_gates"),
    float32=_LOSSES
    | _names(
        """
        acos asin cosh cosine_similarity ctc_loss cumprod cumsum dist erfinv exp expm1 group_norm
        layer_norm log log10 log1p log2 log_softmax logsumexp norm pow prod reciprocal rsqrt sinh
        softmax softplus sum tan
        """
    ),
    promote=_names("addcdiv addcmul atan2 bilinear index_add index_copy scatter_add"),
    float32_inside=_NORMS - _names("group_norm layer_norm"),
)
