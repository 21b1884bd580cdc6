"""Every layer against PyTorch's: same weights and inputs, outputs and gradients compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import dlf

Build = Callable[[Any], Any]
Shapes = list[Any]


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape) + len(shape)).standard_normal(shape).astype("float32")


def positive(*shape: int) -> np.ndarray:
    return np.abs(floats(*shape)) + 0.1


def unit(*shape: int) -> np.ndarray:
    return 1 / (1 + np.exp(-floats(*shape)))


def ints(high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(high + len(shape)).integers(0, high, shape)


def signs(*shape: int) -> np.ndarray:
    return np.where(floats(*shape) > 0, 1.0, -1.0).astype("float32")


class Fixed:
    """An input of floats that collects no gradient."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values


def scored_ctc(nn: Any) -> Any:
    """CTC after log_softmax: PyTorch's gradient of the loss alone takes that as given."""

    class Scored(nn.Module):  # type: ignore[misc, name-defined]  # a base from either library
        def __init__(self) -> None:
            super().__init__()
            self.loss = nn.CTCLoss()

        def forward(self, scores: Any, *rest: Any) -> Any:
            return self.loss(nn.functional.log_softmax(scores, -1), *rest)

    return Scored()


# label: how to build the module from a namespace `nn`, and its inputs.
CASES: dict[str, tuple[Build, Shapes]] = {
    "Identity": (lambda nn: nn.Identity(3, a=2), [floats(2, 3)]),
    "Linear": (lambda nn: nn.Linear(3, 4), [floats(2, 3)]),
    "Linear_no_bias": (lambda nn: nn.Linear(3, 4, bias=False), [floats(2, 5, 3)]),
    "Bilinear": (lambda nn: nn.Bilinear(3, 4, 2), [floats(5, 3), floats(5, 4)]),
    "Conv1d": (lambda nn: nn.Conv1d(4, 6, 3, 2, 1, groups=2), [floats(2, 4, 9)]),
    "Conv1d_reflect": (
        lambda nn: nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"),
        [floats(2, 2, 7)],
    ),
    "Conv2d": (lambda nn: nn.Conv2d(3, 5, 3, padding=1), [floats(2, 3, 6, 7)]),
    "Conv2d_same": (
        lambda nn: nn.Conv2d(3, 4, (3, 2), padding="same", dilation=2),
        [floats(2, 3, 6, 7)],
    ),
    "Conv2d_circular": (
        lambda nn: nn.Conv2d(3, 4, 3, padding="same", padding_mode="circular", bias=False),
        [floats(2, 3, 6, 7)],
    ),
    "Conv2d_valid": (
        lambda nn: nn.Conv2d(2, 2, 2, padding="valid", padding_mode="replicate"),
        [floats(1, 2, 4, 4)],
    ),
    "Conv2d_unbatched": (lambda nn: nn.Conv2d(3, 4, (2, 3), (2, 1), (0, 1)), [floats(3, 6, 7)]),
    "Conv3d": (lambda nn: nn.Conv3d(2, 3, 2), [floats(1, 2, 4, 4, 4)]),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(3, 4, 3, 2, 1, 1), [floats(2, 3, 5)]),
    "ConvTranspose2d": (
        lambda nn: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2),
        [floats(2, 4, 4, 5)],
    ),
    "ConvTranspose3d": (
        lambda nn: nn.ConvTranspose3d(2, 3, 2, dilation=2),
        [floats(1, 2, 3, 3, 3)],
    ),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(2), [floats(2, 3, 8)]),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(3, 2, 1, ceil_mode=True), [floats(2, 3, 8, 7)]),
    "MaxPool2d_indices": (lambda nn: nn.MaxPool2d(2, return_indices=True), [floats(2, 3, 8, 6)]),
    "MaxPool3d": (lambda nn: nn.MaxPool3d(2), [floats(1, 2, 4, 4, 4)]),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(3, 2, 1), [floats(2, 3, 8)]),
    "AvgPool2d": (
        lambda nn: nn.AvgPool2d(2, padding=1, count_include_pad=False),
        [floats(2, 3, 8, 7)],
    ),
    "AvgPool2d_divisor": (lambda nn: nn.AvgPool2d(2, divisor_override=3), [floats(2, 3, 8, 7)]),
    "AvgPool3d": (lambda nn: nn.AvgPool3d(2), [floats(1, 2, 4, 4, 4)]),
    "LPPool1d": (lambda nn: nn.LPPool1d(2, 3), [positive(2, 3, 8)]),
    "LPPool2d": (lambda nn: nn.LPPool2d(2, 2, stride=1), [positive(2, 3, 5, 6)]),
    "AdaptiveAvgPool1d": (lambda nn: nn.AdaptiveAvgPool1d(3), [floats(2, 3, 7)]),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((None, 3)), [floats(2, 3, 7, 8)]),
    "AdaptiveMaxPool1d": (lambda nn: nn.AdaptiveMaxPool1d(3), [floats(2, 3, 7)]),
    "AdaptiveMaxPool2d": (lambda nn: nn.AdaptiveMaxPool2d(3), [floats(2, 3, 7, 8)]),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(3), [floats(5, 3)]),
    "BatchNorm1d_3d": (lambda nn: nn.BatchNorm1d(3, momentum=None), [floats(5, 3, 4)]),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(3, eps=1e-3, bias=False), [floats(5, 3, 4, 2)]),
    "BatchNorm2d_eval": (lambda nn: nn.BatchNorm2d(3).eval(), [floats(5, 3, 4, 2)]),
    "BatchNorm2d_no_stats": (
        lambda nn: nn.BatchNorm2d(3, affine=False, track_running_stats=False),
        [floats(5, 3, 4, 2)],
    ),
    "BatchNorm3d": (lambda nn: nn.BatchNorm3d(2), [floats(3, 2, 2, 3, 2)]),
    "InstanceNorm1d": (lambda nn: nn.InstanceNorm1d(3, affine=True), [floats(2, 3, 5)]),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(3), [floats(3, 4, 5)]),
    "InstanceNorm2d_stats": (
        lambda nn: nn.InstanceNorm2d(3, track_running_stats=True),
        [floats(2, 3, 4, 5)],
    ),
    "LayerNorm": (lambda nn: nn.LayerNorm(4), [floats(2, 3, 4)]),
    "LayerNorm_2d": (lambda nn: nn.LayerNorm([3, 4], eps=1e-3, bias=False), [floats(2, 3, 4)]),
    "LayerNorm_plain": (lambda nn: nn.LayerNorm(4, elementwise_affine=False), [floats(2, 3, 4)]),
    "RMSNorm": (lambda nn: nn.RMSNorm(4), [floats(2, 3, 4)]),
    "RMSNorm_plain": (
        lambda nn: nn.RMSNorm((3, 4), 1e-4, elementwise_affine=False),
        [floats(2, 3, 4)],
    ),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), [floats(2, 4, 3, 3)]),
    "GroupNorm_plain": (lambda nn: nn.GroupNorm(2, 4, affine=False), [floats(2, 4, 3)]),
    "LocalResponseNorm": (lambda nn: nn.LocalResponseNorm(2), [floats(2, 4, 3, 3)]),
    "Dropout_eval": (lambda nn: nn.Dropout(0.3).eval(), [floats(2, 3)]),
    "Dropout_zero": (lambda nn: nn.Dropout(0.0), [floats(2, 3)]),
    "Dropout_all": (lambda nn: nn.Dropout(1.0), [floats(2, 3)]),
    "Dropout1d": (lambda nn: nn.Dropout1d(0.5).eval(), [floats(2, 3, 4)]),
    "Dropout2d": (lambda nn: nn.Dropout2d(0.5).eval(), [floats(2, 3, 4, 4)]),
    "Dropout3d": (lambda nn: nn.Dropout3d(0.5).eval(), [floats(2, 3, 2, 2, 2)]),
    "AlphaDropout": (lambda nn: nn.AlphaDropout(0.5).eval(), [floats(2, 3)]),
    "FeatureAlphaDropout": (lambda nn: nn.FeatureAlphaDropout().eval(), [floats(2, 3, 4)]),
    "Embedding": (lambda nn: nn.Embedding(5, 3), [ints(5, 2, 4)]),
    "Embedding_padding": (lambda nn: nn.Embedding(5, 3, padding_idx=-1), [ints(5, 2, 4)]),
    "Embedding_max_norm": (lambda nn: nn.Embedding(5, 3, max_norm=1.0), [ints(5, 6)]),
    "EmbeddingBag": (lambda nn: nn.EmbeddingBag(5, 3), [ints(5, 2, 4)]),
    "EmbeddingBag_sum": (
        lambda nn: nn.EmbeddingBag(5, 3, mode="sum", padding_idx=1),
        [ints(5, 6), np.array([0, 2])],
    ),
    "Flatten": (lambda nn: nn.Flatten(), [floats(2, 3, 4)]),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 3)), [floats(2, 6)]),
    "Fold": (lambda nn: nn.Fold((4, 5), 2), [floats(2, 12, 12)]),
    "Unfold": (lambda nn: nn.Unfold(2, padding=1), [floats(2, 3, 4, 5)]),
    "PixelShuffle": (lambda nn: nn.PixelShuffle(2), [floats(2, 8, 3, 3)]),
    "PixelUnshuffle": (lambda nn: nn.PixelUnshuffle(2), [floats(2, 2, 4, 6)]),
    "ChannelShuffle": (lambda nn: nn.ChannelShuffle(2), [floats(2, 4, 3, 3)]),
    "CosineSimilarity": (
        lambda nn: nn.CosineSimilarity(),
        [floats(4, 3), floats(4, 3)[::-1].copy()],
    ),
    "PairwiseDistance": (
        lambda nn: nn.PairwiseDistance(keepdim=True),
        [floats(4, 3), positive(4, 3)],
    ),
    "Upsample": (lambda nn: nn.Upsample(scale_factor=2), [floats(2, 3, 4, 5)]),
    "Upsample_size": (lambda nn: nn.Upsample(size=(3, 7), mode="bilinear"), [floats(2, 3, 4, 5)]),
    "UpsamplingNearest2d": (
        lambda nn: nn.UpsamplingNearest2d(scale_factor=3),
        [floats(2, 3, 2, 2)],
    ),
    "UpsamplingBilinear2d": (
        lambda nn: nn.UpsamplingBilinear2d(scale_factor=2),
        [floats(2, 3, 4, 5)],
    ),
    "ConstantPad1d": (lambda nn: nn.ConstantPad1d((1, 2), 3.5), [floats(2, 3, 4)]),
    "ConstantPad2d": (lambda nn: nn.ConstantPad2d(1, 3.5), [floats(2, 3, 4, 4)]),
    "ConstantPad3d": (lambda nn: nn.ConstantPad3d(1, 0.5), [floats(1, 2, 2, 2, 2)]),
    "ZeroPad1d": (lambda nn: nn.ZeroPad1d(2), [floats(2, 3, 4)]),
    "ZeroPad2d": (lambda nn: nn.ZeroPad2d((1, -1, 2, 0)), [floats(2, 3, 4, 4)]),
    "ZeroPad3d": (lambda nn: nn.ZeroPad3d(1), [floats(1, 2, 2, 2, 2)]),
    "ReflectionPad1d": (lambda nn: nn.ReflectionPad1d(2), [floats(2, 3, 4)]),
    "ReflectionPad2d": (lambda nn: nn.ReflectionPad2d((1, 2, 0, 1)), [floats(2, 3, 4, 4)]),
    "ReflectionPad3d": (lambda nn: nn.ReflectionPad3d(1), [floats(1, 2, 3, 3, 3)]),
    "ReplicationPad1d": (lambda nn: nn.ReplicationPad1d(2), [floats(2, 3, 4)]),
    "ReplicationPad2d": (lambda nn: nn.ReplicationPad2d((1, 2, 0, 1)), [floats(2, 3, 4, 4)]),
    "ReplicationPad3d": (lambda nn: nn.ReplicationPad3d(1), [floats(1, 2, 3, 3, 3)]),
    "CircularPad1d": (lambda nn: nn.CircularPad1d((2, 1)), [floats(2, 3, 4)]),
    "CircularPad2d": (lambda nn: nn.CircularPad2d(1), [floats(2, 3, 4, 4)]),
    "CircularPad3d": (lambda nn: nn.CircularPad3d(1), [floats(1, 2, 3, 3, 3)]),
    **{
        name: (lambda nn, name=name: getattr(nn, name)(), [floats(4, 6) * 3])
        for name in (
            "CELU ELU GELU GLU SELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid "
            "Mish PReLU ReLU ReLU6 SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink"
        ).split()
    },
    "GELU_tanh": (lambda nn: nn.GELU(approximate="tanh"), [floats(4, 5)]),
    "GLU_dim": (lambda nn: nn.GLU(0), [floats(4, 5)]),
    "Hardtanh_range": (lambda nn: nn.Hardtanh(-0.5, 2.0), [floats(4, 5)]),
    "LeakyReLU_slope": (lambda nn: nn.LeakyReLU(0.3), [floats(4, 5)]),
    "PReLU_channels": (lambda nn: nn.PReLU(5, 0.1), [floats(4, 5, 2)]),
    "RReLU": (lambda nn: nn.RReLU(0.2, 0.4).eval(), [floats(4, 5)]),
    "ReLU_inplace": (
        lambda nn: nn.Sequential(nn.Linear(5, 4), nn.ReLU(inplace=True)),
        [floats(4, 5)],
    ),
    "Threshold": (lambda nn: nn.Threshold(0.1, 20.0), [floats(4, 5)]),
    "Softmax": (lambda nn: nn.Softmax(dim=1), [floats(4, 5)]),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(dim=-1), [floats(4, 5)]),
    "Softmin": (lambda nn: nn.Softmin(dim=0), [floats(4, 5)]),
    "Softmax2d": (lambda nn: nn.Softmax2d(), [floats(2, 3, 4, 5)]),
    "L1Loss": (lambda nn: nn.L1Loss(), [floats(3, 4), positive(3, 4)]),
    "MSELoss": (lambda nn: nn.MSELoss(reduction="sum"), [floats(3, 4), positive(3, 4)]),
    "SmoothL1Loss": (lambda nn: nn.SmoothL1Loss(beta=0.5), [floats(3, 4), positive(3, 4)]),
    "HuberLoss": (
        lambda nn: nn.HuberLoss(delta=0.7, reduction="none"),
        [floats(3, 4), positive(3, 4)],
    ),
    "PoissonNLLLoss": (lambda nn: nn.PoissonNLLLoss(full=True), [floats(3, 4), positive(3, 4)]),
    "GaussianNLLLoss": (
        lambda nn: nn.GaussianNLLLoss(),
        [floats(3, 4), positive(3, 4), positive(3, 4)],
    ),
    "KLDivLoss": (lambda nn: nn.KLDivLoss(reduction="batchmean"), [floats(3, 4), unit(3, 4)]),
    "KLDivLoss_log": (
        lambda nn: nn.KLDivLoss(reduction="sum", log_target=True),
        [floats(3, 4), floats(3, 4)],
    ),
    "CrossEntropyLoss": (lambda nn: nn.CrossEntropyLoss(), [floats(6, 4), ints(4, 6)]),
    "CrossEntropyLoss_all": (
        lambda nn: nn.CrossEntropyLoss(ignore_index=1, label_smoothing=0.1, reduction="sum"),
        [floats(2, 4, 3), ints(4, 2, 3)],
    ),
    "CrossEntropyLoss_soft": (lambda nn: nn.CrossEntropyLoss(), [floats(6, 4), unit(6, 4)]),
    "NLLLoss": (lambda nn: nn.NLLLoss(), [floats(6, 4), ints(4, 6)]),
    "BCELoss": (lambda nn: nn.BCELoss(), [unit(3, 4), unit(3, 4)[::-1].copy()]),
    "BCEWithLogitsLoss": (lambda nn: nn.BCEWithLogitsLoss(), [floats(3, 4), unit(3, 4)]),
    "CTCLoss": (
        scored_ctc,
        [floats(6, 2, 4), ints(3, 2, 3) + 1, np.array([6, 5]), np.array([3, 2])],
    ),
    "CosineEmbeddingLoss": (
        lambda nn: nn.CosineEmbeddingLoss(0.1),
        [floats(4, 3), positive(4, 3), signs(4)],
    ),
    "HingeEmbeddingLoss": (lambda nn: nn.HingeEmbeddingLoss(), [floats(4, 3), signs(4, 3)]),
    "MarginRankingLoss": (lambda nn: nn.MarginRankingLoss(0.2), [floats(4), positive(4), signs(4)]),
    "MultiLabelMarginLoss": (
        lambda nn: nn.MultiLabelMarginLoss(),
        [floats(2, 3), np.array([[0, 2, -1], [1, -1, 0]])],
    ),
    "MultiLabelSoftMarginLoss": (
        lambda nn: nn.MultiLabelSoftMarginLoss(),
        [floats(4, 3), unit(4, 3)],
    ),
    "MultiMarginLoss": (lambda nn: nn.MultiMarginLoss(p=2), [floats(4, 3), ints(3, 4)]),
    "SoftMarginLoss": (lambda nn: nn.SoftMarginLoss(), [floats(4, 3), Fixed(signs(4, 3))]),
    "TripletMarginLoss": (
        lambda nn: nn.TripletMarginLoss(swap=True),
        [floats(4, 3), positive(4, 3), unit(4, 3)],
    ),
    "TripletMarginWithDistanceLoss": (
        lambda nn: nn.TripletMarginWithDistanceLoss(distance_function=nn.PairwiseDistance()),
        [floats(4, 3), positive(4, 3), unit(4, 3)],
    ),
    "RNN": (lambda nn: nn.RNN(3, 4), [floats(5, 2, 3)]),
    "RNN_relu": (lambda nn: nn.RNN(3, 4, 2, "relu"), [floats(5, 2, 3), floats(2, 2, 4)]),
    "LSTM": (lambda nn: nn.LSTM(3, 4, num_layers=2, bidirectional=True), [floats(5, 2, 3)]),
    "LSTM_state": (
        lambda nn: nn.LSTM(3, 4, batch_first=True, bias=False),
        [floats(2, 5, 3), (floats(1, 2, 4), positive(1, 2, 4))],
    ),
    "LSTM_projection": (
        lambda nn: nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True),
        [floats(5, 2, 3)],
    ),
    "LSTM_unbatched": (lambda nn: nn.LSTM(3, 4), [floats(5, 3)]),
    "GRU": (lambda nn: nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), [floats(2, 5, 3)]),
    "GRU_unbatched": (lambda nn: nn.GRU(3, 4), [floats(5, 3), floats(1, 4)]),
    "RNNCell": (lambda nn: nn.RNNCell(3, 4), [floats(2, 3)]),
    "RNNCell_relu": (lambda nn: nn.RNNCell(3, 4, nonlinearity="relu"), [floats(3), floats(4)]),
    "LSTMCell": (lambda nn: nn.LSTMCell(3, 4), [floats(2, 3), (floats(2, 4), positive(2, 4))]),
    "GRUCell": (lambda nn: nn.GRUCell(3, 4, bias=False), [floats(2, 3), floats(2, 4)]),
    "MultiheadAttention": (
        lambda nn: nn.MultiheadAttention(6, 2),
        [floats(4, 2, 6), floats(5, 2, 6), positive(5, 2, 6)],
    ),
    "MultiheadAttention_all": (
        lambda nn: nn.MultiheadAttention(
            6, 3, kdim=4, vdim=5, add_bias_kv=True, add_zero_attn=True, batch_first=True
        ),
        [floats(2, 4, 6), floats(2, 3, 4), floats(2, 3, 5)],
    ),
    "MultiheadAttention_unbatched": (
        lambda nn: nn.MultiheadAttention(6, 2, bias=False),
        [floats(4, 6), floats(5, 6), positive(5, 6)],
    ),
    "TransformerEncoderLayer": (
        lambda nn: nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True),
        [floats(2, 4, 6)],
    ),
    "TransformerDecoderLayer": (
        lambda nn: nn.TransformerDecoderLayer(6, 2, 8, 0.0, "gelu", norm_first=True),
        [floats(4, 2, 6), floats(3, 2, 6)],
    ),
    "Transformer": (
        lambda nn: nn.Transformer(6, 2, 2, 2, 8, dropout=0.0, batch_first=True),
        [floats(2, 4, 6), floats(2, 3, 6)],
    ),
    "Sequential": (
        lambda nn: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)),
        [floats(2, 1, 4, 4)],
    ),
}


def build(label: str) -> tuple[Any, Any]:
    """The module of a case from PyTorch, and from dlf with the same parameters and buffers."""
    torch.manual_seed(0)
    make = CASES[label][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected = make(torch.nn)
    actual = make(dlf.nn)
    state = {k: dlf.from_numpy(v.numpy().copy()) for k, v in expected.state_dict().items()}
    assert list(actual.state_dict()) == list(state)
    actual.load_state_dict(state)
    return expected, actual


def tensors_of(values: Any, library: Any) -> Any:
    if isinstance(values, (list, tuple)):
        return tuple(tensors_of(value, library) for value in values)
    if isinstance(values, Fixed):
        return library.from_numpy(values.values)
    tensor = library.from_numpy(values.copy())
    return tensor.requires_grad_() if values.dtype.kind == "f" else tensor


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from flat(entry)
    elif value is not None:
        yield value


def loss_of(outputs: list[Any], library: Any) -> Any:
    """A sum of all outputs with uneven weights, so that gradients differ from place to place."""
    total = 0
    for output in outputs:
        if output.requires_grad:
            weights = np.linspace(0.5, 1.5, max(output.numel(), 1)).astype("float32")
            total = total + (output.reshape(-1) * library.from_numpy(weights)).sum()
    return total


def compare(actual: Any, expected: Any, what: str) -> None:
    assert (actual is None) == (expected is None), what
    if actual is not None:
        np.testing.assert_allclose(
            actual.detach().numpy(), expected.detach().numpy(), rtol=2e-4, atol=2e-5, err_msg=what
        )


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("label", CASES)
def test_output_and_gradients_are_those_of_pytorch(label: str) -> None:
    expected, actual = build(label)
    inputs = {library: tensors_of(CASES[label][1], library) for library in (torch, dlf)}
    outputs = {
        torch: list(flat(expected(*inputs[torch]))),
        dlf: list(flat(actual(*inputs[dlf]))),
    }
    assert len(outputs[dlf]) == len(outputs[torch])
    for i, (a, e) in enumerate(zip(outputs[dlf], outputs[torch], strict=True)):
        assert tuple(a.shape) == tuple(e.shape)
        assert str(a.dtype).removeprefix("dlf.") == str(e.dtype).removeprefix("torch.")
        assert a.requires_grad == e.requires_grad
        compare(a, e, f"output {i}")
    for library in (torch, dlf):
        loss_of(outputs[library], library).backward()
    for i, (a, e) in enumerate(zip(flat(inputs[dlf]), flat(inputs[torch]), strict=True)):
        compare(a.grad, e.grad, f"gradient of input {i}")
    for (name, a), e in zip(actual.named_parameters(), expected.parameters(), strict=True):
        compare(a.grad, e.grad, f"gradient of {name}")
    for (name, a), e in zip(actual.named_buffers(), expected.buffers(), strict=True):
        compare(a, e, name)


@pytest.mark.parametrize("label", CASES)
def test_repr_is_that_of_pytorch(label: str) -> None:
    expected, actual = build(label)
    assert repr(actual) == repr(expected).replace("torch.", "dlf.")


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("label", ["LSTM", "GRU", "RNN_relu", "LSTM_projection"])
def test_packed_sequences(label: str) -> None:
    expected, actual = build(label)
    x, lengths = floats(5, 3, 3), [3, 5, 1]
    results = {}
    for library, module in ((torch, expected), (dlf, actual)):
        rnn = library.nn.utils.rnn
        packed = rnn.pack_padded_sequence(
            library.from_numpy(x.copy()).requires_grad_(), lengths, enforce_sorted=False
        )
        output, state = module(packed)
        padded, sizes = rnn.pad_packed_sequence(output, padding_value=7.0, total_length=6)
        loss_of([padded, *flat(state)], library).backward()
        results[library] = [padded, sizes, *flat(state), *(p.grad for p in module.parameters())]
    for a, e in zip(results[dlf], results[torch], strict=True):
        compare(a, e, label)


def test_recurrent_dropout_works_between_layers_in_training_only() -> None:
    dlf.manual_seed(0)
    lstm = dlf.nn.LSTM(3, 16, 2, dropout=0.5)
    x = dlf.from_numpy(floats(5, 2, 3))
    first, second = (lstm(x)[0].detach().numpy() for _ in range(2))
    assert not np.allclose(first, second)
    lstm.eval()
    first, second = (lstm(x)[0].detach().numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("causal", [False, True])
def test_masks_of_attention(causal: bool) -> None:
    expected, actual = build("TransformerEncoderLayer")
    x = floats(2, 4, 6)
    mask = np.triu(np.ones((4, 4), bool), 1)
    padding = np.array([[False] * 4, [False, False, False, True]])
    outputs = [
        module(
            library.from_numpy(x),
            src_mask=library.from_numpy(mask) if causal else None,
            src_key_padding_mask=library.from_numpy(padding),
            is_causal=causal,
        )
        for library, module in ((dlf, actual), (torch, expected))
    ]
    compare(*outputs, "masked")


def test_transformer_encoder_and_decoder_stack_copies() -> None:
    def stack(nn: Any) -> Any:
        layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)
        return nn.TransformerEncoder(layer, 2, nn.LayerNorm(6), enable_nested_tensor=False)

    torch.manual_seed(0)
    expected, actual = stack(torch.nn), stack(dlf.nn)
    state = {k: dlf.from_numpy(v.numpy().copy()) for k, v in expected.state_dict().items()}
    actual.load_state_dict(state)
    assert repr(actual) == repr(expected)
    x = floats(4, 2, 6)
    mask = np.triu(np.full((4, 4), -np.inf, "float32"), 1)
    np.testing.assert_array_equal(
        dlf.nn.Transformer.generate_square_subsequent_mask(4).numpy(), mask
    )
    outputs = [
        m(lib.from_numpy(x), lib.from_numpy(mask)) for lib, m in ((dlf, actual), (torch, expected))
    ]
    compare(*outputs, "stack")


BAD: dict[str, tuple[Build, Shapes]] = {
    "conv groups": (lambda nn: nn.Conv2d(3, 4, 3, groups=2), []),
    "conv no groups": (lambda nn: nn.Conv2d(3, 4, 3, groups=0), []),
    "conv padding": (lambda nn: nn.Conv2d(3, 4, 3, padding="full"), []),
    "conv same stride": (lambda nn: nn.Conv2d(3, 4, 3, stride=2, padding="same"), []),
    "conv mode": (lambda nn: nn.Conv2d(3, 4, 3, padding_mode="odd"), []),
    "transposed mode": (lambda nn: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), []),
    "batch norm dims": (lambda nn: nn.BatchNorm2d(3), [floats(2, 3)]),
    "instance norm dims": (lambda nn: nn.InstanceNorm2d(3), [floats(2, 3)]),
    "instance norm channels": (lambda nn: nn.InstanceNorm1d(3, affine=True), [floats(2, 4, 5)]),
    "group norm": (lambda nn: nn.GroupNorm(2, 3), []),
    "dropout": (lambda nn: nn.Dropout(1.5), []),
    "embedding": (lambda nn: nn.Embedding(3, 2, padding_idx=3), []),
    "unflatten": (lambda nn: nn.Unflatten(1, (2, "a")), []),
    "hardtanh": (lambda nn: nn.Hardtanh(2.0, 1.0), []),
    "softmax2d": (lambda nn: nn.Softmax2d(), [floats(2, 3)]),
    "huber": (lambda nn: nn.HuberLoss(delta="1"), []),
    "multi margin": (lambda nn: nn.MultiMarginLoss(p=3), []),
    "triplet": (lambda nn: nn.TripletMarginLoss(margin=0), []),
    "circular": (lambda nn: nn.CircularPad1d(1), [floats(3)]),
    "rnn mode": (lambda nn: nn.RNN(3, 4, nonlinearity="sin"), []),
    "rnn proj": (lambda nn: nn.RNN(3, 4, proj_size=2), []),
    "lstm proj": (lambda nn: nn.LSTM(3, 4, proj_size=4), []),
    "lstm dropout": (lambda nn: nn.LSTM(3, 4, dropout=2), []),
    "lstm size": (lambda nn: nn.LSTM(0, 4), []),
    "lstm bias": (lambda nn: nn.LSTM(3, 4, 1, 1), []),
    "lstm input size": (lambda nn: nn.LSTM(3, 4), [floats(2, 3, 5)]),
    "lstm input dims": (lambda nn: nn.LSTM(3, 4), [floats(2, 3, 5, 3)]),
    "lstm hidden": (
        lambda nn: nn.LSTM(3, 4),
        [floats(2, 3, 3), (floats(1, 2, 4), floats(1, 3, 4))],
    ),
    "lstm cell": (lambda nn: nn.LSTM(3, 4), [floats(2, 3, 3), (floats(1, 3, 4), floats(1, 3, 5))]),
    "gru hidden dims": (lambda nn: nn.GRU(3, 4), [floats(2, 3, 3), floats(1, 4)]),
    "cell dims": (lambda nn: nn.GRUCell(3, 4), [floats(2, 2, 3)]),
    "attention heads": (lambda nn: nn.MultiheadAttention(6, 4), []),
    "attention size": (lambda nn: nn.MultiheadAttention(0, 4), []),
    "activation": (lambda nn: nn.TransformerEncoderLayer(6, 2, activation="sin"), []),
    "forward": (lambda nn: nn.Module(), [floats(2)]),
    "unknown argument": (lambda nn: nn.Module(a=1), []),
    "too many arguments": (lambda nn: nn.Module(1), []),
}


@pytest.mark.parametrize("label", BAD)
def test_errors_are_those_of_pytorch(label: str) -> None:
    make, inputs = BAD[label]
    errors = []
    for library in (torch, dlf):
        with pytest.raises(Exception) as caught:
            make(library.nn)(*(tensors_of(value, library) for value in inputs))
        errors.append(caught.value)
    assert isinstance(errors[1], type(errors[0]))
    first = str(errors[0]).split(". Convert")[0].split(", should be one of")[0]
    assert first.split(" {")[0][:30] in str(errors[1])


def test_output_size_of_transposed_convolution() -> None:
    layer = dlf.nn.ConvTranspose2d(2, 3, 3, stride=2)
    x = dlf.from_numpy(floats(1, 2, 3, 3))
    assert tuple(layer(x, output_size=(8, 8)).shape) == (1, 3, 8, 8)
    assert tuple(layer(x, output_size=(1, 3, 7, 8)).shape) == (1, 3, 7, 8)
    with pytest.raises(ValueError, match="valid sizes range from"):
        layer(x, output_size=(9, 9))


def test_max_unpool_undoes_max_pool() -> None:
    x = floats(2, 3, 6, 6)
    outputs = []
    for library in (dlf, torch):
        values, places = library.nn.MaxPool2d(2, return_indices=True)(library.from_numpy(x))
        outputs.append(library.nn.MaxUnpool2d(2)(values, places))
    compare(*outputs, "unpooled")


def test_embedding_from_pretrained_is_frozen_unless_told() -> None:
    weights = dlf.from_numpy(floats(4, 3))
    assert not dlf.nn.Embedding.from_pretrained(weights).weight.requires_grad
    assert dlf.nn.Embedding.from_pretrained(weights, freeze=False).weight.requires_grad
    assert not dlf.nn.EmbeddingBag.from_pretrained(weights).weight.requires_grad


def test_signatures_are_those_of_pytorch() -> None:
    from inspect import signature

    different = {}
    for name in dlf.nn.__all__:
        ours, theirs = getattr(dlf.nn, name), getattr(torch.nn, name)
        if not isinstance(ours, type) or name in ("Module", "Parameter", "Buffer"):
            continue
        a, e = (
            [(p.name, p.kind, p.default) for p in signature(cls.__init__).parameters.values()]
            for cls in (ours, theirs)
        )
        a, e = ([p for p in parameters if not callable(p[2])] for parameters in (a, e))
        if a != e:
            different[name] = (a, e)
    assert set(different) <= {"Sequential"}, different
