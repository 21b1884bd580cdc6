"""Recurrent layers: gates as ops, and the loop over time.

Gate order and formulas are PyTorch's: LSTM (Hochreiter and Schmidhuber, 1997) input, forget, cell,
output; GRU (Cho et al., 2014) reset, update, new. A layer's parameters: ``w_ih (gates * H, in)``,
``w_hh (gates * H, H)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.registry import composite

from .activation import relu, sigmoid
from .linear import linear

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "gru_cell",
    "gru_gates",
    "gru_gates_backward",
    "lstm_cell",
    "lstm_gates",
    "lstm_gates_backward",
    "lstm_sequence",
    "lstm_sequence_backward",
    "rnn_layer",
    "rnn_relu_cell",
    "rnn_tanh_cell",
]


@composite(inputs=4, outputs=2)
def lstm_gates_backward(
    grad_h: Tensor, grad_c: Tensor, gates: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of `lstm_gates` by `gates` and `cell`."""
    i, f, n, o = gates.chunk(4, -1)
    i, f, n, o = sigmoid(i), sigmoid(f), n.tanh(), sigmoid(o)
    squashed = (f * cell + i * n).tanh()
    by_cell = grad_c + grad_h * o * (1 - squashed * squashed)
    by_gates = dlf.cat(
        [
            by_cell * n * i * (1 - i),
            by_cell * cell * f * (1 - f),
            by_cell * i * (1 - n * n),
            grad_h * squashed * o * (1 - o),
        ],
        -1,
    )
    return by_gates, by_cell * f


def _lstm_gates_vjp(
    g: tuple[Tensor | None, Tensor | None], gates: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    grad_h, grad_c = (dlf.zeros_like(cell) if part is None else part for part in g)
    by_gates, by_cell = lstm_gates_backward(grad_h, grad_c, gates, cell)
    return by_gates, by_cell


@composite(inputs=2, outputs=2, vjp=_lstm_gates_vjp)
def lstm_gates(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Next hidden and cell state from the gates' sums ``(..., 4 * H)`` and the cell state
    ``(..., H)``.
    """
    i, f, n, o = gates.chunk(4, -1)
    after = sigmoid(f) * cell + sigmoid(i) * n.tanh()
    return sigmoid(o) * after.tanh(), after


@composite(inputs=7, outputs=3)
def lstm_sequence_backward(
    grad_out: Tensor | None,
    grad_cells: Tensor | None,
    grad_gates: Tensor | None,
    gates: Tensor,
    cells: Tensor,
    cell: Tensor,
    weight: Tensor,
    reverse: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `lstm_sequence` by `sums`, `hidden` and `cell`; gradients of outputs may be
    None.
    """
    order = _order(gates.shape[0], reverse)
    by_cell = dlf.zeros_like(cell)
    by_hidden = dlf.zeros_like(cell)
    by_sums: list[Tensor] = []
    for at in reversed(range(len(order))):
        t = order[at]
        i, f, n, o = gates[t].chunk(4, -1)
        before = cells[order[at - 1]] if at else cell
        squashed = cells[t].tanh()
        if grad_out is not None:
            by_hidden = by_hidden + grad_out[t]
        if grad_cells is not None:
            by_cell = by_cell + grad_cells[t]
        by_cell = by_cell + by_hidden * o * (1 - squashed * squashed)
        by_gates = dlf.cat([by_cell * n, by_cell * before, by_cell * i, by_hidden * squashed], -1)
        if grad_gates is not None:
            by_gates = by_gates + grad_gates[t]
        slopes = dlf.cat([i * (1 - i), f * (1 - f), 1 - n * n, o * (1 - o)], -1)
        by_sums.append(by_gates * slopes)
        by_hidden, by_cell = by_sums[-1] @ weight, by_cell * f
    if not reverse:
        by_sums.reverse()
    return dlf.stack(by_sums, 0), by_hidden, by_cell


def _order(steps: int, reverse: bool) -> range:
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _lstm_sequence_vjp(
    g: tuple[Tensor | None, Tensor | None, Tensor | None],
    out: tuple[Tensor, Tensor, Tensor],
    hidden: Tensor,
    cell: Tensor,
    weight: Tensor,
    reverse: bool,
    needs: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    states, cells, gates = out
    by_sums, by_hidden, by_cell = lstm_sequence_backward(*g, gates, cells, cell, weight, reverse)
    by_weight = None
    if needs[3]:
        first = hidden.unsqueeze(0)
        before = [states[1:], first] if reverse else [first, states[:-1]]
        rows = dlf.cat(before, 0).reshape(-1, hidden.shape[-1])
        by_weight = by_sums.reshape(-1, by_sums.shape[-1]).mT @ rows
    return by_sums, by_hidden, by_cell, by_weight


@composite(inputs=4, outputs=3, vjp=_lstm_sequence_vjp)
def lstm_sequence(
    sums: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """All steps of an LSTM: hidden states, cell states ``(T, ..., H)`` and gates ``(T, ..., 4H)``.

    `sums` ``(T, ..., 4 * H)`` is what the gates get from the input, biases included; `hidden` and
    `cell` ``(..., H)`` are the first states; `weight` is ``(4 * H, H)``. `reverse` goes from the
    last step to the first. The gates are given after their sigmoid or tanh.
    """
    states: list[Tensor] = []
    cells: list[Tensor] = []
    gates: list[Tensor] = []
    for t in _order(sums.shape[0], reverse):
        i, f, n, o = (sums[t] + linear(hidden, weight, None)).chunk(4, -1)
        i, f, n, o = sigmoid(i), sigmoid(f), n.tanh(), sigmoid(o)
        cell = f * cell + i * n
        hidden = o * cell.tanh()
        states.append(hidden)
        cells.append(cell)
        gates.append(dlf.cat([i, f, n, o], -1))
    if reverse:
        for steps in (states, cells, gates):
            steps.reverse()
    return dlf.stack(states, 0), dlf.stack(cells, 0), dlf.stack(gates, 0)


@composite(inputs=4, outputs=3)
def gru_gates_backward(
    grad: Tensor, from_input: Tensor, from_hidden: Tensor, hidden: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `gru_gates` by its three inputs."""
    ir, iz, inew = from_input.chunk(3, -1)
    hr, hz, hnew = from_hidden.chunk(3, -1)
    r, z = sigmoid(ir + hr), sigmoid(iz + hz)
    n = (inew + r * hnew).tanh()
    by_new = grad * (1 - z) * (1 - n * n)
    by_update = grad * (hidden - n) * z * (1 - z)
    by_reset = by_new * hnew * r * (1 - r)
    return (
        dlf.cat([by_reset, by_update, by_new], -1),
        dlf.cat([by_reset, by_update, by_new * r], -1),
        grad * z,
    )


@composite(
    inputs=3,
    vjp=lambda g, from_input, from_hidden, hidden: gru_gates_backward(
        g, from_input, from_hidden, hidden
    ),
)
def gru_gates(from_input: Tensor, from_hidden: Tensor, hidden: Tensor) -> Tensor:
    """Next hidden state from the gates' two sums ``(..., 3 * H)`` and the hidden state
    ``(..., H)``.
    """
    ir, iz, inew = from_input.chunk(3, -1)
    hr, hz, hnew = from_hidden.chunk(3, -1)
    r, z = sigmoid(ir + hr), sigmoid(iz + hz)
    n = (inew + r * hnew).tanh()
    return n + z * (hidden - n)


def lstm_cell(
    input: Tensor,
    hx: tuple[Tensor, Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: ``(N, in), ((N, H), (N, H)) -> (N, H), (N, H)``."""
    h, c = lstm_gates(linear(input, w_ih, b_ih) + linear(hx[0], w_hh, b_hh), hx[1])
    return h, c


def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a GRU: ``(N, in), (N, H) -> (N, H)``."""
    h: Tensor = gru_gates(linear(input, w_ih, b_ih), linear(hx, w_hh, b_hh), hx)
    return h


def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of an Elman network with tanh: ``(N, in), (N, H) -> (N, H)``."""
    h: Tensor = (linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh)).tanh()
    return h


def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of an Elman network with relu: ``(N, in), (N, H) -> (N, H)``."""
    h: Tensor = relu(linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh))
    return h


def rnn_layer(
    mode: str,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """One layer in one direction over ``x (T, ..., in)``: gives out ``(T, ..., H)``, last h and
    last c.

    `mode` is ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``; `c0` is for the LSTM alone.
    `reverse` runs from the last step to the first. A sequence of no steps is a RuntimeError.
    """
    if x.shape[0] == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if mode not in ("RNN_TANH", "RNN_RELU", "LSTM", "GRU"):
        raise ValueError(f"Unrecognized RNN mode: {mode}; expected RNN_TANH, RNN_RELU, LSTM or GRU")
    # What does not depend on the hidden state is computed for all steps at once.
    bias = b_ih
    if mode != "GRU" and b_hh is not None:
        bias, b_hh = b_hh if b_ih is None else b_ih + b_hh, None
    sums = linear(x, w_ih, bias)
    if mode == "LSTM":
        out, cells, _ = lstm_sequence(sums, h0, c0, w_hh, reverse)
        last = 0 if reverse else -1
        return out, out[last], cells[last]
    sums = sums.unbind(0)
    h = h0
    outputs: list[Tensor] = []
    for given in reversed(sums) if reverse else sums:
        recurrent = linear(h, w_hh, b_hh)
        if mode == "GRU":
            h = gru_gates(given, recurrent, h)
        else:
            h = (given + recurrent).tanh() if mode == "RNN_TANH" else relu(given + recurrent)
        outputs.append(h)
    if reverse:
        outputs.reverse()
    return dlf.stack(outputs, 0), h, None
