"""Look-up tables and one-hot vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlf
from dlf.ops import embedding as ops

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = ["embedding", "embedding_bag", "one_hot"]


def _row(padding_idx: int | None, rows: int) -> int:
    """`padding_idx` as a row number, -1 for none."""
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"Padding_idx must be within num_embeddings, got {padding_idx} for {rows} rows"
        )
    return padding_idx % rows


def _renormalize(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up and longer than `max_norm` down to it, in place."""
    with dlf.no_grad():
        rows = indices.reshape(-1).to(dlf.int64)
        values = weight.detach().index_select(0, rows)
        norms = values.norm(norm_type, 1, keepdim=True)
        scale = dlf.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
        weight.detach().index_copy_(0, rows, values * scale)


def _check_indices(name: str, indices: Tensor, weight: Tensor) -> None:
    if indices.dtype not in (dlf.int64, dlf.int32):
        raise RuntimeError(
            f"{name}: expected indices of dtype int64 or int32, got {indices.dtype}; convert them "
            "with .long()"
        )
    if weight.ndim != 2:
        raise RuntimeError(f"{name}: 'weight' must be 2-D, got {weight.ndim}-D")


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of `weight` ``(V, D)`` by the indices `input` of any shape: ``(*input, D)``.

    The row `padding_idx` gets no gradient. With `max_norm`, rows that are looked up and longer are
    first shortened in place. `scale_grad_by_freq` divides gradients by how often an index occurs.
    `sparse` is accepted, but the gradient is dense. IndexError for an index outside the table.
    """
    _check_indices("embedding", input, weight)
    row = _row(padding_idx, weight.shape[0])
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    indices = input if input.dtype is dlf.int64 else input.to(dlf.int64)
    result: Tensor = ops.embedding(weight, indices, row, scale_grad_by_freq)
    return result


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sum, mean or maximum (`mode`) of the rows of each bag of indices: ``(bags, D)``.

    `input` is ``(bags, count)``, or 1-D with `offsets` that say where each bag begins; the latter
    also ends the last bag with `include_last_offset`. `per_sample_weights` (shape of `input`, mode
    ``"sum"`` alone) multiply the rows. Indices equal to `padding_idx` do not count. An empty bag
    gives zeros.
    """
    _check_indices("embedding_bag", input, weight)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                f"embedding_bag: per_sample_weights is only supported for mode='sum', got '{mode}'"
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not "
                f"None, then it must have the same shape as the input ({list(input.shape)})"
            )
    bag_of, bags = _bags(input, offsets, include_last_offset)
    flat = input.reshape(-1).to(dlf.int64)
    rows = embedding(flat, weight, padding_idx, scale_grad_by_freq=scale_grad_by_freq)
    row = _row(padding_idx, weight.shape[0])
    counts = flat != row if row >= 0 else dlf.ones_like(flat, dtype=dlf.bool)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    if mode == "max":
        held = dlf.where(counts.unsqueeze(-1), rows, float("-inf"))
        return _largest(held, bag_of.tolist(), bags)
    empty = rows.new_zeros((bags, weight.shape[1]))
    total: Tensor = empty.index_add(0, bag_of, dlf.where(counts.unsqueeze(-1), rows, 0))
    if mode == "sum":
        return total
    sizes = rows.new_zeros((bags,)).index_add(0, bag_of, counts.to(rows.dtype))
    return total / sizes.clamp(min=1).unsqueeze(-1)


def _largest(rows: Tensor, bag_of: list[int], bags: int) -> Tensor:
    """Maximum of each bag's rows, 0 where it has none."""
    places: list[list[int]] = [[] for _ in range(bags)]
    for place, bag in enumerate(bag_of):
        places[bag].append(place)
    longest = max(map(len, places), default=0)
    # Short bags are filled up with a row that no other is less than.
    filled = [row + [len(bag_of)] * (longest + 1 - len(row)) for row in places]
    lowest = rows.new_full((1, rows.shape[1]), float("-inf"))
    index = dlf.tensor(filled, dtype=dlf.int64, device=rows.device)
    picked = dlf.cat([rows, lowest]).index_select(0, index.reshape(-1))
    best = picked.reshape(bags, longest + 1, rows.shape[1]).max(1)[0]
    result: Tensor = dlf.where(best == float("-inf"), 0, best)
    return result


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Tensor, int]:
    """Which bag each index belongs to, and how many bags there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None")
        bags, count = input.shape
        return dlf.arange(bags, device=input.device).repeat_interleave(count), bags
    if input.ndim != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}"
        )
    if offsets is None or offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor when input is 1D")
    starts = [int(o) for o in offsets.tolist()]
    if include_last_offset:
        starts.pop()
    if starts and starts[0] != 0:
        raise ValueError(
            f"offsets[0] has to be 0, i.e., the first sequence starts at 0; got {starts[0]}"
        )
    if starts and starts[-1] > input.shape[0]:
        raise ValueError("offsets[-1] can not be greater than input's length")
    ends = [*starts[1:], input.shape[0]]
    of = [
        bag for bag, (lo, hi) in enumerate(zip(starts, ends, strict=True)) for _ in range(hi - lo)
    ]
    return dlf.tensor(of, dtype=dlf.int64, device=input.device), len(starts)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """``(*) -> (*, num_classes)`` int64 with a 1 at each index; -1 takes one more than the largest.

    RuntimeError for a dtype other than int64 and for an index out of range. Beside a given
    `num_classes` an asynchronous device is not waited for: an index out of range has only zeros.
    """
    if tensor.dtype is not dlf.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return dlf.zeros((*tensor.shape, num_classes), dtype=dlf.int64, device=tensor.device)
    if num_classes == -1 or tensor.device.checks:
        if int(tensor.min()) < 0:
            raise RuntimeError("Class values must be non-negative.")
        largest = int(tensor.max())
        if num_classes == -1:
            num_classes = largest + 1
        if 0 < num_classes <= largest:
            raise RuntimeError("Class values must be smaller than num_classes.")
    if num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    classes = dlf.arange(num_classes, device=tensor.device)
    return (tensor.unsqueeze(-1) == classes).to(dlf.int64)
