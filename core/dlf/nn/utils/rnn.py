"""Batches of sequences of several lengths: padded, or packed step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import dlf
from dlf.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """The steps of several sequences, longest sequence first, without padding.

    Attributes:
        data: (sum of lengths, *), all first steps, then all second steps, and so on.
        batch_sizes: (longest length) int64 on the CPU, the number of sequences with each step.
        sorted_indices: which sequence each place of the batch holds; None if they came sorted.
        unsorted_indices: the inverse of that.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The sequence with its data, and indices, moved as by `Tensor.to`."""
        data = self.data.to(*args, **kwargs)

        def follow(indices: Tensor | None) -> Tensor | None:
            return None if indices is None else indices.to(data.device)

        indices = follow(self.sorted_indices), follow(self.unsorted_indices)
        return PackedSequence(data, self.batch_sizes, *indices)

    def cpu(self) -> PackedSequence:
        """The sequence in the host's memory."""
        return self.to("cpu")

    def double(self) -> PackedSequence:
        """The sequence as float64."""
        return self.to(dlf.float64)

    def float(self) -> PackedSequence:
        """The sequence as float32."""
        return self.to(dlf.float32)

    def half(self) -> PackedSequence:
        """The sequence as float16."""
        return self.to(dlf.float16)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`."""
    return None if permutation is None else dlf.argsort(permutation)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack sequences that are padded to one length.

    Args:
        input: (T, N, *) or, if `batch_first`, (N, T, *).
        lengths: (N) positive ints.
        batch_first: Default: False.
        enforce_sorted: whether the lengths must be in decreasing order. Default: True.

    Raises:
        RuntimeError: lengths that are not positive, not sorted, or not one per sequence.
    """
    sizes: list[int] = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    if batch_first:
        input = input.transpose(0, 1)
    if len(sizes) != input.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={input.shape[1]})"
        )
    if min(sizes, default=0) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    indices = None
    if not enforce_sorted:
        order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
        indices = dlf.tensor(order, device=input.device)
        input = input.index_select(1, indices)
        sizes = [sizes[i] for i in order]
    elif sizes != sorted(sizes, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    counts = [sum(size > step for size in sizes) for step in range(sizes[0])]
    data = dlf.cat([input[step, :count] for step, count in enumerate(counts)], 0)
    return PackedSequence(data, dlf.tensor(counts), indices, invert_permutation(indices))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo `pack_padded_sequence`: the padded batch and the lengths, in the first order.

    Args:
        sequence: the packed batch.
        batch_first: whether to return (N, T, *) rather than (T, N, *). Default: False.
        padding_value: put after the end of each sequence. Default: 0.
        total_length: T. Default: the longest length.

    Raises:
        ValueError: `total_length` is below the longest length.
    """
    counts: list[int] = sequence.batch_sizes.tolist()
    steps = len(counts) if total_length is None else total_length
    if steps < len(counts):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total_length} and max sequence length being {len(counts)}"
        )
    data = sequence.data

    def rows(count: int) -> Tensor:
        shape = (count, *data.shape[1:])
        return dlf.full(shape, padding_value, dtype=data.dtype, device=data.device)

    padded = [
        dlf.cat([part, rows(counts[0] - count)], 0)
        for part, count in zip(data.split(counts, 0), counts, strict=True)
    ]
    padded += [rows(counts[0]) for _ in range(steps - len(counts))]
    output = dlf.stack(padded, 0)
    lengths = dlf.tensor([sum(count > i for count in counts) for i in range(counts[0])])
    if sequence.unsorted_indices is not None:
        output = output.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return (output.transpose(0, 1) if batch_first else output), lengths


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Make one tensor of sequences (L_i, *): (T, N, *), or (N, T, *) if `batch_first`.

    Args:
        sequences: tensors that differ in their first dimension only.
        batch_first: Default: False.
        padding_value: fills up to the longest length. Default: 0.
        padding_side: "right" or "left". Default: "right".

    Raises:
        RuntimeError: `sequences` is empty or not an iterable, or an unknown side.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    items = list(sequences)
    if not items:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(item.shape[0] for item in items)
    padded = []
    for item in items:
        filler = item.new_full((longest - item.shape[0], *item.shape[1:]), padding_value)
        padded.append(dlf.cat([item, filler] if padding_side == "right" else [filler, item], 0))
    return dlf.stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Undo `pad_sequence` (with padding on the right)."""
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:length] for row, length in zip(batch, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L_i, *); see `pack_padded_sequence`."""
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo `pack_sequence`."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
