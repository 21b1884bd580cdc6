"""Reading and writing parts of tensors by index, against NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..case import Case, Skipped
from ..close import assert_same
from ..subject import Subject

__all__ = ["cases"]

HOST = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
MASK = HOST % 7 < 3
ROWS, COLUMNS = np.array([0, 2, 2]), np.array([3, 1, 0])

# By name: the index; arrays in it go to the device.
BASIC: dict[str, Any] = {
    "integer": 1,
    "negative integer": -1,
    "slice": slice(1, None),
    "steps": (slice(None, None, 2), slice(0, 4, 3)),
    "ellipsis": (..., 2),
    "new dimension": (slice(None), None, 1),
    "all integers": (1, 2, 3),
    "empty": slice(2, 2),
}
ADVANCED: dict[str, Any] = {
    "rows": ROWS,
    "negative": np.array([-1, 0]),
    "two dimensions": np.array([[0, 1], [2, 0]]),
    "pairs": (ROWS, COLUMNS),
    "apart": (ROWS, slice(None), COLUMNS),
    "with slice": (slice(1, 3), COLUMNS),
    "mask": MASK,
    "mask of rows": np.array([True, False, True]),
    "mask of nothing": np.zeros(3, bool),
    "no rows": np.zeros(0, np.int64),
}


def cases(subject: Subject) -> Iterator[Case]:
    """Each index read, assigned a number and assigned a tensor; and what else reads one element."""
    for kind, table in (("basic", BASIC), ("advanced", ADVANCED)):
        for name, index in table.items():
            for run in (_read, _write_number, _write_tensor):
                what = run.__name__.strip("_").replace("_", " ")
                case = partial(run, index=index)
                yield Case(f"indexing/{kind}/{name}, {what}", case, "system", dtype="float32")
    for single in (_out_of_range, _masked, _item, _iterated):
        name = single.__name__.strip("_").replace("_", " ")
        yield Case(f"indexing/{name}", single, "system", dtype="float32")


def _on_device(subject: Subject, index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_on_device(subject, one) for one in index)
    if isinstance(index, np.ndarray):
        subject.need(index.dtype.name, "int64")
        return subject.tensor(index)
    return index


def _read(subject: Subject, index: Any) -> None:
    got = subject.tensor(HOST)[_on_device(subject, index)]
    assert got.device is subject.device
    assert_same(got.cpu().numpy(), np.asarray(HOST[index]), "what was read")


def _write(subject: Subject, index: Any, given: Any, host: Any) -> None:
    """With views the values; without, the same or a refusal that leaves the tensor as it was."""
    x = subject.tensor(HOST)
    expected = HOST.copy()
    expected[index] = host
    try:
        x[_on_device(subject, index)] = given
    except RuntimeError as error:
        if subject.device.views or "views" not in str(error):
            raise
        expected = HOST
    assert_same(x.cpu().numpy(), expected, "the tensor afterwards")


def _write_number(subject: Subject, index: Any) -> None:
    _write(subject, index, -1.5, -1.5)


def _write_tensor(subject: Subject, index: Any) -> None:
    shape = HOST[index].shape
    if (isinstance(index, np.ndarray) and index.dtype == bool) or shape == (0,):
        host = -np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    else:  # The same for all rows: some indices meet one row twice, in no order.
        host = -np.arange(shape[-1] if shape else 1, dtype=np.float32)
        host = host if shape else host.reshape(())
    if isinstance(index, tuple) and len(index) == 3 and index[1] == slice(None):
        host = np.full((), -2, np.float32)
    _write(subject, index, subject.tensor(np.asarray(host)), host)


def _out_of_range(subject: Subject) -> None:
    if not subject.device.checks:
        raise Skipped("asynchronous: indices are not looked at before they are used")
    subject.need("int64")
    x = subject.tensor(HOST)
    for index in (3, (0, -5), subject.tensor(np.array([0, 3]))):
        try:
            got = x[index].cpu()
        except IndexError:
            continue
        raise AssertionError(f"index {index} of a tensor of shape {HOST.shape} gave {got}")


def _masked(subject: Subject) -> None:
    """Masks by comparison, `masked_fill`, `where` and `nonzero`."""
    from ... import nonzero, where

    subject.need("bool", "int64")
    x = subject.tensor(HOST)
    mask = x % 7 < 3
    assert_same(mask.cpu().numpy(), MASK, "mask")
    assert_same(x[mask].cpu().numpy(), HOST[MASK], "x[mask]")
    assert_same(x.masked_fill(mask, 0.5).cpu().numpy(), np.where(MASK, np.float32(0.5), HOST))
    assert_same(where(mask, x, -x).cpu().numpy(), np.where(MASK, HOST, -HOST))
    assert_same(nonzero(mask).cpu().numpy(), np.argwhere(MASK), "nonzero")
    x[mask] = 0.25
    assert_same(x.cpu().numpy(), np.where(MASK, np.float32(0.25), HOST), "x[mask] = number")
    assert bool((x == x).all())
    assert not bool((x != x).any())


def _item(subject: Subject) -> None:
    """Python values of single elements, and of whole tensors."""
    x = subject.tensor(HOST)
    assert x[1, 2, 3].item() == float(HOST[1, 2, 3])
    assert float(x[0, 0, 4]) == 4.0
    assert int(x[0, 0, 4]) == 4
    assert x[0].tolist() == HOST[0].tolist()
    assert x.sum().item() == float(HOST.sum())
    assert bool(x[0, 0, 1])
    try:
        x.item()
    except (RuntimeError, ValueError):
        return
    raise AssertionError("item() of 60 elements gave one")


def _iterated(subject: Subject) -> None:
    x = subject.tensor(HOST)
    assert len(x) == 3
    rows = list(x)
    assert all(row.device is subject.device for row in rows)
    for row, host in zip(rows, HOST, strict=True):
        assert_same(row.cpu().numpy(), host, "row")
