"""RNNCell, LSTMCell and GRUCell: one step of a recurrent layer."""

from __future__ import annotations

import math
from typing import Any

import dlf
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.utils import new_parameter
from dlf.nn.parameter import Parameter
from dlf.ops import recurrent
from dlf.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """The parameters of a cell with `num_chunks` gates, from U(-1/sqrt(H), 1/sqrt(H)) at first."""

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = new_parameter(gates, input_size, device=device, dtype=dtype)
        self.weight_hh = new_parameter(gates, hidden_size, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            parameter = new_parameter(gates, device=device, dtype=dtype) if bias else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _check_dims(self, name: str, value: Tensor) -> None:
        if value.dim() not in (1, 2):
            raise ValueError(
                f"{self._get_name()}: Expected {name} to be 1D or 2D, got {value.dim()}D instead"
            )

    def _zeros(self, input: Tensor) -> Tensor:
        shape = (*input.shape[:-1], self.hidden_size)
        return dlf.zeros(shape, dtype=input.dtype, device=input.device)

    @property
    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of that.

    Args:
        input_size: size of x.
        hidden_size: size of h.
        bias: whether there are biases. Default: True.
        nonlinearity: "tanh" or "relu". Default: "tanh".
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Map (N, input_size) and (N, hidden_size), by default zeros, to (N, hidden_size)."""
        self._check_dims("input", input)
        if hx is None:
            hx = self._zeros(input)
        self._check_dims("hidden", hx)
        if self.nonlinearity == "tanh":
            return recurrent.rnn_tanh_cell(input, hx, *self._weights)
        if self.nonlinearity == "relu":
            return recurrent.rnn_relu_cell(input, hx, *self._weights)
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of `LSTM`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map (N, input_size) and the states (h, c), by default zeros, to the next states."""
        self._check_dims("input", input)
        if hx is None:
            hx = self._zeros(input), self._zeros(input)
        for i, state in enumerate(hx):
            self._check_dims(f"hx[{i}]", state)
        return recurrent.lstm_cell(input, hx, *self._weights)


class GRUCell(RNNCellBase):
    """One step of `GRU`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Map (N, input_size) and (N, hidden_size), by default zeros, to (N, hidden_size)."""
        self._check_dims("input", input)
        if hx is None:
            hx = self._zeros(input)
        self._check_dims("hidden", hx)
        return recurrent.gru_cell(input, hx, *self._weights)
