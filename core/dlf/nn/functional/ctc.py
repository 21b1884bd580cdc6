"""Connectionist temporal classification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.amp.listed import listed
from dlf.ops.loss import reduce_loss

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["ctc_loss"]


@listed
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | list[int] | tuple[int, ...],
    target_lengths: Tensor | list[int] | tuple[int, ...],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification (Graves et al., 2006).

    Shapes: `log_probs` ``(T, N, C)`` or ``(T, C)``; `targets` ``(N, S)``, or all of them end to
    end. Lengths are one a sample. The mean divides each loss by its target's length;
    `zero_infinity` takes 0 for samples whose targets do not fit their input.
    """
    single = log_probs.ndim == 2
    if single:
        log_probs = log_probs.unsqueeze(1)
    steps, batch, classes = log_probs.shape
    in_lengths, out_lengths = _lengths(input_lengths), _lengths(target_lengths)
    if len(in_lengths) != batch or len(out_lengths) != batch:
        raise RuntimeError("input_lengths and target_lengths must be of size batch_size")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if in_lengths and max(in_lengths) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {max(in_lengths)}"
        )
    labels = _labels(targets, out_lengths, blank)
    losses = -_ctc_log_likelihood(log_probs, labels, in_lengths, out_lengths, blank)
    if zero_infinity:
        losses = dlf.where(losses == float("inf"), 0, losses)
    if reduction == "mean":
        shares = dlf.tensor(
            [max(n, 1) for n in out_lengths], dtype=losses.dtype, device=losses.device
        )
        return (losses / shares).mean()
    return reduce_loss(losses.squeeze(0) if single else losses, reduction)


def _lengths(lengths: Tensor | list[int] | tuple[int, ...]) -> list[int]:
    if isinstance(lengths, (list, tuple)):
        return [int(n) for n in lengths]
    return [int(n) for n in lengths.reshape(-1).tolist()]


def _labels(targets: Tensor, lengths: list[int], blank: int) -> list[list[int]]:
    """Each sample's labels with blanks between and around them, all as long as the longest."""
    flat = targets.tolist()
    if targets.ndim == 1:
        rows, start = [], 0
        for n in lengths:
            rows.append(flat[start : start + n])
            start += n
    else:
        rows = [row[:n] for row, n in zip(flat, lengths, strict=True)]
    longest = 2 * max(lengths, default=0) + 1
    spread = []
    for row in rows:
        mixed = [blank]
        for label in row:
            mixed += [label, blank]
        spread.append(mixed + [blank] * (longest - len(mixed)))
    return spread


def _ctc_log_likelihood(
    log_probs: Tensor,
    labels: list[list[int]],
    in_lengths: list[int],
    out_lengths: list[int],
    blank: int,
) -> Tensor:
    """The forward recursion over time, for all samples at once: ``(N,)``."""
    device, low = log_probs.device, float("-inf")
    batch, width = len(labels), len(labels[0])
    index = dlf.tensor(labels, dtype=dlf.int64, device=device)
    skips = dlf.tensor(
        [
            [s > 1 and row[s] != blank and row[s] != row[s - 2] for s in range(width)]
            for row in labels
        ],
        device=device,
    )
    begins = dlf.tensor([[s < 2 for s in range(width)]] * batch, device=device)
    ends = dlf.tensor(
        [[2 * n - 1 <= s <= 2 * n for s in range(width)] for n in out_lengths], device=device
    )
    seen = [log_probs[t].gather(1, index) for t in range(max(in_lengths, default=0))]
    none = dlf.full((batch, width), low, dtype=log_probs.dtype, device=device)
    # Before the first step nothing is read, which only an empty target explains.
    empty = dlf.tensor([[s == 0 for s in range(width)]] * batch, device=device)
    alpha = dlf.where(empty, 0.0, none)
    for t, now in enumerate(seen):
        if t == 0:
            moved = dlf.where(begins, now, none)
        else:
            one = dlf.cat([none[:, :1], alpha[:, :-1]], 1)
            two = dlf.cat([none[:, :2], alpha[:, :-2]], 1)[:, :width]
            moved = _log_sum([alpha, one, dlf.where(skips, two, none)]) + now
        running = dlf.tensor([[t < n] for n in in_lengths], device=device)
        alpha = dlf.where(running, moved, alpha)
    result: Tensor = _log_sum([dlf.where(ends, alpha, none)[:, s] for s in range(width)])
    return result


def _log_sum(terms: list[Tensor]) -> Tensor:
    """``log(sum(exp(terms)))`` whose gradient is 0, not NaN, where all are minus infinity."""
    stacked = dlf.stack(terms)
    top = stacked.detach().amax(0)
    dead = top == float("-inf")
    shifted = (stacked - dlf.where(dead, 0, top)).exp().sum(0)
    total: Tensor = dlf.where(dead, 1, shifted).log() + dlf.where(dead, 0, top)
    return dlf.where(dead, float("-inf"), total)
