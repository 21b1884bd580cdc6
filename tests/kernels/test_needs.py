"""`dlf.xp.needs` says what the kernels call, and a kernel that cannot be made is not there."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlf import dtypes
from dlf.xp import Library, kernels
from dlf.xp.names import BASE, find
from dlf.xp.needs import CALLS, missing, needed

strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")

from tests.kernels.poor_namespace import PoorNamespace, RecordedNamespace  # noqa: E402 # needs it

ROOT = Path(__file__).parents[2]
PLACES = np.array([1, 0])
SQUARE = np.array([[1.5, 0.25], [0.75, 2.0]])
NUMBERS = np.array([[3, 1], [2, 5]])
FLAGS = np.array([[True, False], [True, True]])
# Beside what the tables say, some functions are called with these where the library takes them.
OPTIONAL = {"sum": "dtype", "prod": "dtype", "cumulative_sum": "dtype", "cumulative_prod": "dtype"}
OPTIONAL |= {"argsort": "stable", "searchsorted": "side"}
BINARY = "add sub mul div floordiv mod pow atan2 maximum minimum eq ne lt le gt ge".split()
BITS = "bit_and bit_or bit_xor shl shr".split()
WRITES = "index_add index_copy scatter scatter_add".split()


def arguments(name: str) -> Iterator[tuple[Any, ...]]:
    """Calls of a kernel that reach all its branches."""
    if name in ("full", "arange"):
        yield ((2,), 1, dtypes.float32, 0) if name == "full" else (0, 1, 3, dtypes.float32, 0)
    elif name == "cast":
        yield SQUARE, dtypes.float32
    elif name in ("reshape", "broadcast_to"):
        yield SQUARE, (1, 2, 2)
    elif name == "permute":
        yield SQUARE, (1, 0)
    elif name == "slice":
        yield SQUARE, (1, 0), (-1, 1), (2, 1)
    elif name == "slice_set":
        yield SQUARE, SQUARE[:, :1], (1, 0), (-1, 1), (2, 1)
    elif name == "pad":
        yield SQUARE, ((1, 0), (-1, 1)), 0
    elif name == "concat":
        yield (SQUARE, SQUARE), 0
    elif name == "take":
        yield SQUARE, PLACES, 0
    elif name in ("nonzero", "logical_not"):
        yield from ((FLAGS,), (SQUARE,))
    elif name in WRITES:
        places = PLACES * 0 if name.endswith("add") else PLACES
        index = places if name.startswith("index") else np.stack([places, places])
        yield SQUARE, index, SQUARE, 1
    elif name == "gather":
        yield SQUARE, np.stack([PLACES, PLACES]), 1
        yield np.array(1.0), np.array(0), 0
    elif name == "sign":
        yield from ((SQUARE,), (SQUARE + 1j,))
    elif name == "erf":
        yield from ((SQUARE,), (SQUARE.astype(np.float32),))
    elif name in BINARY:
        yield from ((SQUARE, SQUARE), (SQUARE, 2.0), (2.0, SQUARE))
        if name not in ("div", "atan2"):
            yield NUMBERS, NUMBERS
        if name == "pow":
            yield NUMBERS, -NUMBERS
    elif name in BITS:
        yield NUMBERS, NUMBERS
    elif name == "where":
        yield FLAGS, SQUARE, SQUARE
    elif name in ("sum", "prod", "max", "min", "any", "all"):
        yield from ((SQUARE, (0,), True), (FLAGS if name[0] in "ma" else NUMBERS, (0, 1), False))
        yield np.ones((300, 2)), (0,), False
    elif name in ("argmax", "argmin"):
        yield SQUARE, 1, False
    elif name in ("cumsum", "cumprod"):
        yield SQUARE, 1
    elif name == "sort":
        yield from ((SQUARE, 0, True, True), (SQUARE, 0, False, False))
    elif name == "matmul":
        yield SQUARE, SQUARE
    else:
        yield (SQUARE,)


def put(value: Any) -> Any:
    """Host arrays as the namespace's."""
    if isinstance(value, tuple):
        return tuple(map(put, value))
    return strict.asarray(value) if isinstance(value, np.ndarray) else value


def declared(name: str) -> dict[str, tuple[int, set[str]]]:
    """How a function may be called: how much by position at most, and which keywords."""
    found = {}
    for function, given in re.findall(r"(\w+)\(([^)]*)\)", CALLS[name]):
        by_place, _, keywords = given.partition("*, ")
        keys = {*filter(None, keywords.split(", ")), OPTIONAL.get(function, "")}
        found[function] = (len([one for one in by_place.split(", ") if one]), keys)
    return found


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("xp", [strict, PoorNamespace()], ids=["strict", "poor"])
def test_kernels_call_what_the_table_says(xp: Any, name: str) -> None:
    recorded = RecordedNamespace(xp)
    lib = Library(recorded)
    if missing(lib, name):
        pytest.skip(f"no {missing(lib, name)}")
    kernel = kernels(lib)[name]
    recorded.calls.clear()
    with np.errstate(all="ignore"):
        for call in arguments(name):
            kernel(*put(call))
    used = {each for each, _, _ in recorded.calls} - {*BASE, "astype"}
    assert used == set(needed(lib, name)) - set(BASE)
    table = declared(name)
    for function, places, keywords in recorded.calls:
        if function in table:
            assert places <= table[function][0]
            assert set(keywords) <= table[function][1], function


def test_numpy_has_all_of_them() -> None:
    assert sorted(kernels(np)) == sorted(CALLS)


def test_a_kernel_without_its_functions_is_left_out() -> None:
    lib = Library(PoorNamespace("cumulative_prod", "argsort", "log2"))
    table = kernels(lib)
    assert missing(lib, "sort") == ["argsort"]
    # Without `argsort` there is no other way to find places, or to write at some.
    assert set(CALLS) - set(table) == {"cumprod", "log2", "sort", "nonzero", *WRITES}
    with pytest.raises(AttributeError, match="no function 'log2'"):
        lib["log2"](1)


def test_a_namespace_without_the_base_is_refused() -> None:
    with pytest.raises(TypeError, match="has no reshape, no zeros"):
        Library(PoorNamespace("zeros", "reshape"))


def test_names_of_the_table_are_the_standard_s() -> None:
    names = {function for name in CALLS for function in declared(name)}
    assert [name for name in names if find(strict, name) is None] == []


def test_the_page_has_the_table() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_array_namespace.py"))
    written = (ROOT / "docs" / "array-namespace.md").read_text("utf-8")
    assert made["page"]() == written, "run `python docs/make_array_namespace.py`"
