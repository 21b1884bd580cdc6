"""Geometry of the attention kernels: pure functions of shapes, as `dlf_cupy_gpu.launch`."""

from __future__ import annotations

from dlf_cupy_gpu.launch import GRID, PACK_BYTES, Launch, ceil_div

__all__ = [
    "FLASH_ROWS",
    "THREADS",
    "batch_steps",
    "blocks",
    "constants",
    "flash_blocks",
    "head",
    "is_flash",
    "resident",
    "shared",
    "tile",
]

THREADS = 256
FLASH_ROWS = 128
"""Rows of a block on tensor cores: ``ROWS`` of ``attention_flash.cuh``."""
_FLASH_HEADS = (32, 64, 96, 128)

Ints = tuple[int, ...]


def tile(itemsize: int) -> int:
    """Rows and columns of a tile: ``TILE`` of ``gemm_tile.cuh``."""
    return 32 if itemsize == 8 else 64


def shared(itemsize: int, scores: bool) -> int:
    """Bytes of shared memory: parts of two operands, weights, and `scores` if those are apart."""
    edge, width = tile(itemsize), PACK_BYTES // itemsize
    depth = 64 if itemsize == 2 else 32
    elements = 2 * edge * (depth + width) + edge * (edge + width)
    extra = edge * (edge + PACK_BYTES // 4) * 4 if scores and itemsize == 2 else 0
    return elements * itemsize + extra


def head(columns: int) -> int:
    """Columns that a block sums up at once: ``HEAD`` of ``attention.cuh``."""
    return 64 if columns <= 64 else 128 if columns <= 128 else 256


def resident(head: int) -> int:
    """Blocks that a multiprocessor has to hold: ``BLOCKS`` of ``gemm_tile.cuh``."""
    return 2 if head < 256 else 1


def blocks(
    rows: int, columns: int, head: int, batches: int, itemsize: int, scores: bool = False
) -> Launch:
    """A block for each tile of `rows`, panel of `head` of the `columns`, and batch."""
    panels = max(ceil_div(columns, head), 1)
    count = ceil_div(rows, tile(itemsize)) * panels * batches
    return Launch((min(count, GRID),), (THREADS,), shared(itemsize, scores))


def is_flash(itemsize: int, wide: bool, rows: int, columns: int) -> bool:
    """Whether the kernels for tensor cores can take `wide` operands of `rows` by `columns`."""
    return itemsize == 2 and wide and rows < 1 << 30 and columns <= _FLASH_HEADS[-1]


def constants(columns: int, flash: bool, masked: bool) -> dict[str, int]:
    """The sources' macros for operands of up to `columns` columns."""
    if not flash:
        return {"HEAD": head(columns), "BLOCKS": resident(head(columns))}
    size = next(h for h in _FLASH_HEADS if columns <= h)
    # The addresses of a mask take registers.
    blocks = 2 if size <= 64 and not masked else 1
    return {"HEAD": size, "BLOCKS": blocks, "FLASH": 1, "MASKED": int(masked)}


def flash_blocks(rows: int, head: int, batches: int) -> Launch:
    """A block for each `FLASH_ROWS` rows and batch.

    Cards before compute capability 8.0 take the entries' other form, which needs as much shared
    memory as elsewhere and passes over what this grid leaves.
    """
    count = ceil_div(rows, FLASH_ROWS) * batches
    space = max(FLASH_ROWS * (head + PACK_BYTES // 2) * 2, shared(2, True))
    return Launch((min(count, GRID),), (THREADS,), space)


def batch_steps(lead: Ints, strides: Ints) -> tuple[int, int] | None:
    """How far the next matrix is, by the outer and the inner of two dimensions of the batch.

    The inner one is the last of `lead`, the outer one all before it; None where these do not follow
    each other evenly. `strides` are those of `lead`, in any unit.
    """
    if not lead:
        return 0, 0
    outer: tuple[int, int] | None = None
    for size, stride in zip(lead[-2::-1], strides[-2::-1], strict=True):
        if size == 1:
            continue
        if outer is None:
            outer = size, stride
        elif stride == outer[0] * outer[1]:
            outer = size * outer[0], outer[1]
        else:
            return None
    return (outer[1] if outer else 0), (strides[-1] if lead[-1] > 1 else 0)
