"""RNN, LSTM and GRU: recurrent layers over whole sequences."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dlf
from dlf.nn import functional as F
from dlf.nn import init
from dlf.nn.module import Module
from dlf.nn.modules.utils import new_parameter
from dlf.nn.parameter import Parameter
from dlf.nn.utils.rnn import PackedSequence
from dlf.ops import recurrent
from dlf.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_CELLS: dict[str, Callable[..., Any]] = {
    "LSTM": recurrent.lstm_cell,
    "GRU": recurrent.gru_cell,
    "RNN_TANH": recurrent.rnn_tanh_cell,
    "RNN_RELU": recurrent.rnn_relu_cell,
}


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: size of a step of the input.
        hidden_size: size of the hidden state.
        num_layers: layers, each running over the outputs of the one before. Default: 1.
        bias: whether there are biases. Default: True.
        batch_first: whether sequences are (N, T, *) rather than (T, N, *). Default: False.
        dropout: probability of dropping an output of a layer that is not the last. Default: 0.
        bidirectional: whether each layer also runs backwards. Default: False.
        proj_size: size that the hidden state of an LSTM is projected to; 0 for none. Default: 0.

    Attributes:
        weight_ih_l[k], weight_hh_l[k], bias_ih_l[k], bias_hh_l[k], weight_hr_l[k]: parameters of
            layer k, with `_reverse` behind for its backward direction; at first all from
            U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        _check_arguments(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates = _GATES[mode] * hidden_size
        output_size = proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            step_size = input_size if layer == 0 else output_size * len(self._directions)
            shapes = {"weight_ih": (gates, step_size), "weight_hh": (gates, output_size)}
            if bias:
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}  # type: ignore[dict-item]  # shapes of any length
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for direction in self._directions:
                names = {f"{name}_l{layer}{direction}": shape for name, shape in shapes.items()}
                for name, shape in names.items():
                    parameter = new_parameter(*shape, device=device, dtype=dtype)
                    self.register_parameter(name, parameter)
                self._all_weights.append(list(names))
        self.reset_parameters()

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Do nothing: parameters need no special memory here."""

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run over `input`.

        Args:
            input: (T, N, input_size), (N, T, input_size) if `batch_first`, (T, input_size), or a
                `PackedSequence`.
            hx: the first hidden state (num_layers * directions, N, size), or without N; for an
                LSTM a tuple of hidden and cell state. Default: zeros.

        Returns:
            The outputs of the last layer, as `input` with size directions * hidden size, and the
            last hidden state of each layer and direction, as `hx`.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D"
                + (" tensor instead" if self.mode != "LSTM" else " instead")
            )
        batched = input.dim() == 3
        states = self._states(hx)
        if not batched:
            input = input.unsqueeze(1)
        elif self.batch_first:
            input = input.transpose(0, 1)
        for state in states or ():
            self._check_state_dims(state, batched)
        if states is not None and not batched:
            states = [state.unsqueeze(1) for state in states]
        states = self._checked_states(input, states, input.shape[1])
        output, states = self._run(input, states, self._dense_layer)
        if not batched:
            output, states = output.squeeze(1), [state.squeeze(1) for state in states]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, tuple(states) if self.mode == "LSTM" else states[0]

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> Any:
        data, batch_sizes, order, inverse = packed
        counts: list[int] = batch_sizes.tolist()
        states = self._states(hx)
        if states is not None and order is not None:
            states = [state.index_select(1, order) for state in states]
        states = self._checked_states(data, states, counts[0], dims=2)

        def layer(*arguments: Any) -> Any:
            return self._stepwise_layer(counts, *arguments)

        output, states = self._run(data, states, layer)
        if inverse is not None:
            states = [state.index_select(1, inverse) for state in states]
        outputs = PackedSequence(output, batch_sizes, order, inverse)
        return outputs, tuple(states) if self.mode == "LSTM" else states[0]

    def _run(
        self, x: Tensor, states: list[Tensor], layer_of: Callable[..., Any]
    ) -> tuple[Tensor, list[Tensor]]:
        """Run all layers in all directions over `x`, time first."""
        first = [state.unbind(0) for state in states]
        last: list[list[Tensor]] = [[] for _ in states]
        directions = len(self._directions)
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                k = layer * directions + direction
                weights = dict.fromkeys(("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
                for name in self._all_weights[k]:
                    weights[name.rpartition("_l")[0]] = getattr(self, name)
                begin = [state[k] for state in first]
                output, *end = layer_of(x, begin, weights, direction == 1)
                outputs.append(output)
                for kept, state in zip(last, end, strict=False):
                    kept.append(state)
            x = outputs[0] if directions == 1 else dlf.cat(outputs, -1)
            if self.dropout > 0 and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, [dlf.stack(kept, 0) for kept in last]

    def _dense_layer(
        self, x: Tensor, begin: list[Tensor], weights: dict[str, Any], reverse: bool
    ) -> Any:
        if self.proj_size:
            return self._stepwise_layer(
                [x.shape[1]] * x.shape[0], x.flatten(0, 1), begin, weights, reverse, x.shape
            )
        cell = begin[1] if len(begin) == 2 else None
        return recurrent.rnn_layer(
            self.mode,
            x,
            begin[0],
            cell,
            weights["weight_ih"],
            weights["weight_hh"],
            weights["bias_ih"],
            weights["bias_hh"],
            reverse,
        )

    def _stepwise_layer(
        self,
        counts: Sequence[int],
        data: Tensor,
        begin: list[Tensor],
        weights: dict[str, Any],
        reverse: bool,
        shape: Sequence[int] | None = None,
    ) -> Any:
        """One layer over packed `data`, whose step t has the first `counts[t]` sequences.

        A sequence that has ended, or has not begun in reverse, keeps its state.
        """
        cell = _CELLS[self.mode]
        projection = weights.pop("weight_hr", None)
        steps = list(zip(data.split(list(counts), 0), counts, strict=True))
        states = list(begin)
        outputs: list[Tensor] = []
        for step, count in reversed(steps) if reverse else steps:
            live = [state[:count] for state in states]
            hx = tuple(live) if self.mode == "LSTM" else live[0]
            new = cell(step, hx, *weights.values())
            new = list(new) if self.mode == "LSTM" else [new]
            if projection is not None:
                new[0] = F.linear(new[0], projection)
            outputs.append(new[0])
            states = [
                changed if count == len(state) else dlf.cat([changed, state[count:]], 0)
                for changed, state in zip(new, states, strict=True)
            ]
        if reverse:
            outputs.reverse()
        output = dlf.cat(outputs, 0)
        if shape is not None:
            output = output.reshape(shape[0], shape[1], -1)
        return output, *states

    def _states(self, hx: Any) -> list[Tensor] | None:
        if hx is None:
            return None
        return list(hx) if self.mode == "LSTM" else [hx]

    def _check_state_dims(self, state: Tensor, batched: bool) -> None:
        dims = 3 if batched else 2
        if state.dim() != dims:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx should also be {dims}-D but got {state.dim()}-D tensor"
            )

    def _checked_states(
        self, x: Tensor, states: list[Tensor] | None, batch: int, dims: int = 3
    ) -> list[Tensor]:
        """`states`, or zeros; errors where they or `x` do not fit the layer."""
        dtype = self._parameters["weight_ih_l0"]
        if dtype is not None and x.dtype != dtype.dtype:
            raise ValueError(
                f"RNN input dtype ({x.dtype}) does not match weight dtype ({dtype.dtype}). "
                f"Convert input: input.to({dtype.dtype}), or convert model: model.to({x.dtype})"
            )
        if x.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {x.dim()}")
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {x.shape[-1]}"
            )
        count = self.num_layers * len(self._directions)
        shapes = [(count, batch, self.proj_size or self.hidden_size)]
        if self.mode == "LSTM":
            shapes.append((count, batch, self.hidden_size))
        if states is None:
            return [dlf.zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes]
        for i, (state, shape) in enumerate(zip(states, shapes, strict=True)):
            if tuple(state.shape) != shape:
                name = f"hidden[{i}]" if self.mode == "LSTM" else "hidden"
                raise RuntimeError(f"Expected {name} size {shape}, got {list(state.shape)}")
        return states

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text


def _check_arguments(
    input_size: object,
    hidden_size: object,
    num_layers: int,
    bias: object,
    batch_first: object,
    dropout: float,
    proj_size: int,
) -> None:
    number = isinstance(dropout, (int, float)) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            "element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )
    for name, flag in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if isinstance(hidden_size, int) and proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) (Elman, 1990); see `RNNBase`.

    Args:
        nonlinearity: "tanh" or "relu"; the fourth positional argument. Default: "tanh".

    Raises:
        ValueError: another nonlinearity, or a size out of range.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); see `RNNBase`.

    i, f, o = sigmoid and g = tanh of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh, in the order i f g o;
    c_t = f c_{t-1} + i g; h_t = o tanh(c_t), projected by W_hr if there is a `proj_size`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent unit (Cho et al., 2014); see `RNNBase`.

    r, z = sigmoid(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh);
    n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn)); h_t = (1 - z) n + z h_{t-1}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)
