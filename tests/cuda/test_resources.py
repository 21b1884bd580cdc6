"""Every source compiles for every dtype, for sm_80 and sm_90, without a card, and its kernels take
no more of a multiprocessor than they should, as the compiler reports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from dlf_cupy_gpu import launch, module
from dlf_cupy_gpu.kernels import attention_launch, conv_launch
from dlf_cupy_gpu.kernels.sums_launch import Parted, Pattern, by_columns, by_rows
from tests.cuda.occupancy import resident_blocks, resources

ARCHITECTURES = ("80", "90")
SHORT = ("float16", "bfloat16")
Constants = tuple[tuple[str, int], ...]


def _constants(columns: int, flash: bool, masked: bool) -> Constants:
    return tuple(sorted(attention_launch.constants(columns, flash, masked).items()))


def _variants(file: str) -> Iterator[tuple[str, Constants]]:
    """Dtypes and constants that `file` is compiled for."""
    if not file.startswith("attention"):
        yield from ((dtype, ()) for dtype in module.C_TYPES)
        return
    # These take long to compile; the two short types have the same instructions, so one is enough.
    for columns in (64, 128, 256):
        constants = _constants(columns, False, False)
        yield from ((dtype, constants) for dtype in ("float32", "float64", "bfloat16"))
    for columns in (32, 64, 96, 128):
        yield from (("bfloat16", _constants(columns, True, masked)) for masked in (False, True))


SOURCES = sorted(path.name for path in module.FOLDER.glob("*.cu"))
BUILDS = [(file, *variant) for file in SOURCES for variant in _variants(file)]


class Exceptional(NamedTuple):
    """An entry that may use memory of its own, and the reason."""

    file: str
    entry: str
    dtypes: tuple[str, ...]
    constants: dict[str, int]
    stack: int
    spilled: int
    """Bytes stored and loaded, as instructions."""
    reason: str

    def holds(self, file: str, entry: str, dtype: str, constants: Constants) -> bool:
        """Whether it is about this entry."""
        given = dict(constants)
        same = self.file == file and self.entry == entry and dtype in self.dtypes
        return same and all(given.get(name) == value for name, value in self.constants.items())


EXCEPTIONS = [
    Exceptional(
        "random.cu",
        "normal",
        ("float64",),
        {},
        40,
        0,
        "sin and cos of float64 reduce large angles, which do not occur, on the stack",
    ),
    Exceptional(
        "attention_backward.cu",
        "by_key_wide",
        SHORT,
        {"FLASH": 1, "HEAD": 128},
        48,
        160,
        "the operands and both results of 16 keys take 192 of a thread's 255 registers",
    ),
    Exceptional(
        "attention_backward.cu",
        "by_key_narrow",
        SHORT,
        {"HEAD": 64},
        8,
        16,
        "four bytes with nvcc 13.0, none with 12.9; a second block is worth more",
    ),
]


@pytest.mark.parametrize(("file", "dtype", "constants"), BUILDS, ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_compiles_without_spills(
    file: str, dtype: str, constants: Constants, architecture: str
) -> None:
    for entry, needs in resources(file, dtype, architecture, constants).items():
        allowed = [e for e in EXCEPTIONS if e.holds(file, entry, dtype, constants)]
        stack = max((e.stack for e in allowed), default=0)
        spilled = max((e.spilled for e in allowed), default=0)
        assert needs.stack <= stack and needs.spilled <= spilled, (entry, needs)


class Case(NamedTuple):
    """Entries with the launch that a large input gives them, and the warps to leave room for."""

    file: str
    entries: str
    warps: int
    plan: Callable[[int], Any]
    """Of the size of an element."""
    constants: Constants = ()
    dtypes: tuple[str, ...] = ("float32", *SHORT)


def _rows(arrays: int = 1) -> Callable[[int], Any]:
    return lambda size: launch.rows(8192, 4096, size, 16 // size, arrays)


def _sums(size: int) -> Any:
    return launch.rows_with_sums(8192, 4096, 16 // size, 4, 132)


def _items(size: int) -> Any:
    return launch.items(1 << 25, 16 // size)


def _planes(size: int) -> Any:
    return launch.planes(64, 64, 56 * 56, 16 // size, 132).applying


ROWS, COLUMNS = Pattern(1, 64, 256, 3136), Pattern(1, 65536, 1024, 1)


def _parted(plan: Parted) -> launch.Launch:
    return launch.Launch(plan.grid, plan.block)


def _flash(head: int) -> Callable[[int], Any]:
    return lambda size: attention_launch.flash_blocks(4096, head, 64)


CASES = [
    Case("softmax.cu", r"(log_)?softmax_rows_wide", 24, _rows()),
    Case("softmax.cu", r"(log_)?softmax_backward_rows_wide", 16, _rows(2)),
    Case("cross_entropy.cu", r"(for|back)ward_rows_wide", 16, _rows()),
    Case("norm_rows.cu", r"(layer|rms)_norm_wide", 20, _rows()),
    Case("norm_rows.cu", r"(layer|rms)_norm_wide_backward", 16, _sums),
    Case("norm_batch.cu", r"(for|back)ward_(partial|apply)_planes_wide", 16, _planes),
    Case("elementwise.cu", r"\w+_wide", 48, _items),
    Case("dropout.cu", r"dropout|masked_scale_wide", 40, _items),
    Case("sums.cu", "sum_rows", 32, lambda size: _parted(by_rows(ROWS, size, 132))),
    Case("sums.cu", "sum_columns_wide", 32, lambda s: _parted(by_columns(COLUMNS, 16 // s, 132))),
    Case("pool.cu", r"max_pool|window_\w+", 48, _items),
    Case("lookup.cu", r"embedding_wide|index_add_\w+", 32, _items),
    Case("step.cu", r"\w+_step", 16, lambda size: launch.Launch((1,), (launch.STEP_THREADS,))),
    Case("attention.cu", "attention_wide", 16, _flash(64), _constants(64, True, False), SHORT),
    Case("attention.cu", "attention_wide", 8, _flash(128), _constants(128, True, False), SHORT),
    Case(
        "attention_backward.cu", "by_query_wide", 16, _flash(64), _constants(64, True, False), SHORT
    ),
    Case("attention_backward.cu", "by_key_wide", 8, _flash(64), _constants(64, True, False), SHORT),
    Case("conv.cu", r"conv\w*", 16, lambda size: conv_launch.products(512, 4096, 1, size)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{case.entries}")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_occupancy(case: Case, architecture: str) -> None:
    for dtype in case.dtypes:
        plan = case.plan(2 if dtype in SHORT else 4)
        threads = 1
        for n in plan.block:
            threads *= n
        dynamic = plan.shared
        found = resources(case.file, dtype, architecture, case.constants)
        chosen = {name: r for name, r in found.items() if re.fullmatch(case.entries, name)}
        assert chosen, (case.file, case.entries)
        for entry, needs in chosen.items():
            if "sum" in entry and case.file == "conv.cu":
                continue
            shared = needs.shared + dynamic
            blocks = resident_blocks(needs.registers, threads, shared, architecture)
            assert blocks * threads // 32 >= case.warps, (entry, dtype, needs, plan)


@pytest.mark.parametrize(
    ("registers", "threads", "shared", "architecture", "blocks"),
    [
        (32, 256, 0, "90", 8),
        (32, 1024, 0, "90", 2),
        (33, 256, 0, "90", 6),
        (64, 256, 0, "80", 4),
        (128, 256, 0, "90", 2),
        (255, 256, 0, "90", 1),
        (16, 32, 0, "90", 32),
        (32, 128, 47 * 1024, "80", 3),
        (32, 128, 47 * 1024, "90", 4),
        (32, 128, 99 * 1024, "80", 1),
    ],
)
def test_resident_blocks(
    registers: int, threads: int, shared: int, architecture: str, blocks: int
) -> None:
    assert resident_blocks(registers, threads, shared, architecture) == blocks
