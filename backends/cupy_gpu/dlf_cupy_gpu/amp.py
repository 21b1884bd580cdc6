"""What `dlf.autocast` casts on this device."""

from __future__ import annotations

__all__ = ["AmpService"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


class AmpService:
    """The lists that PyTorch has for CUDA, in the names of dlf's ops and functions."""

    dtypes = frozenset({"float16", "bfloat16"})
    default_dtype = "float16"
    lower_precision = _names(
        """
        matmul addmm addmv baddbmm linear prelu
        conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
        conv2d_input_grad conv3d_input_grad
        attention flash_attention scaled_dot_product_attention
        gru_gates lstm_gates lstm_sequence
        """
    )
    float32 = _names(
        """
        acos asin cosh cosine_similarity cumprod cumsum dist erfinv exp expm1 group_norm layer_norm
        log log10 log1p log2 log_softmax logsumexp norm pow prod reciprocal rsqrt sinh softmax
        softplus sum tan
        binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy ctc_loss
        hinge_embedding_loss huber huber_loss kl_div kl_divergence l1_loss margin_ranking_loss
        mse_loss multi_margin_loss multilabel_margin_loss nll nll_loss poisson_nll_loss smooth_l1
        smooth_l1_loss soft_margin soft_margin_loss triplet_margin_loss
        """
    )
    promote = _names("addcdiv addcmul atan2 bilinear index_add index_copy scatter_add")
    float32_inside = _names("batch_norm rms_norm")
