"""L0: arrays go to the device and back, and are written in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ... import dtypes
from ...plugin import Probe
from ..case import Case, Skipped
from ..close import assert_same
from ..subject import Array, Subject
from .samples import ALL, COMPLEX, FLOATS, SHAPES, distinct, info, kind, specials

__all__ = ["cases"]

Ints = tuple[int, ...]

# Shape of the array that is written, and of what is written into it.
_ASSIGNS: tuple[tuple[Ints, Ints], ...] = (
    ((3, 5), (3, 5)),
    ((), ()),
    ((7,), ()),
    ((1,), (1,)),
    ((3, 5), (5,)),
    ((3, 5), (3, 1)),
    ((3, 5), (1, 1)),
    ((2, 3, 4), (3, 1)),
    ((0,), (0,)),
    ((0,), (1,)),
    ((2, 0, 3), (3,)),
    ((60, 70), (60, 70)),
)


def cases(subject: Subject) -> Iterator[Case]:
    """The probe; and each dtype to the device, back, and written."""
    yield Case("L0/probe", _probe, "L0")
    bodies: dict[str, Callable[..., None]] = {
        "round trip": _round_trip,
        "host layouts": _host_layouts,
        "assign": _assign,
        "overlapping": _overlapping,
        "independent": _independent,
        "devices": _devices,
    }
    for dtype in ALL:
        for theme, body in bodies.items():
            name = f"L0/{dtype}/{theme}"
            yield Case(name, partial(body, dtype=dtype), "L0", dtype=dtype)


def _probe(subject: Subject) -> None:
    found = subject.backend.probe()
    assert isinstance(found, Probe), f"probe() gave {found!r}, expected a Probe"
    assert found.ok is True, f"probe() says no ({found.reason!r}) for a device in use"
    names = found.devices
    assert isinstance(names, tuple), f"probe().devices is {names!r}, expected a tuple of names"
    assert names, "probe() says ok, but names no device"
    for name in names:
        assert isinstance(name, str) and name, f"probe() names a device {name!r}, expected a text"
    count = subject.backend.device_count()
    assert count == len(names), f"device_count() is {count}, but probe() names {len(names)} devices"


def _shaped(subject: Subject, a: object, shape: Ints, what: str) -> None:
    found = a.shape  # type: ignore[attr-defined]  # all that an array must have
    assert type(found) is tuple, f"{what}: its shape is {found!r}, expected a tuple"
    assert all(type(n) is int for n in found), f"{what}: its shape {found!r} is not of ints"
    assert found == shape, f"{what}: its shape is {found}, expected {shape}"


def _round_trip(subject: Subject, dtype: str) -> None:
    for shape in (*SHAPES, (40, 50), (1, 1, 1, 1, 1)):
        x = distinct(subject, dtype, shape)
        what = f"{dtype}{list(shape)} to the device and back"
        a = subject.put(x)
        _shaped(subject, a, shape, what)
        for again in ("", ", a second time"):  # Reading must not use an array up.
            assert_same(subject.get(a), x, what + again)
        known = subject.backend.dtype_of(a)
        assert known is dtypes.dtype_named(dtype), f"{what}: dtype_of gave {known!r}"
    if dtype in (*FLOATS, *COMPLEX):
        x = np.concatenate([specials(dtype), _subnormal(dtype)])
        assert_same(subject.get(subject.put(x)), x, f"special values of {dtype} and back")


def _subnormal(dtype: str) -> Array:
    """The smallest numbers of all, which arithmetic may lose but memory may not."""
    normal = np.array([1, -1, 0.5], kind(dtype)) * kind(dtype).type(info(dtype)[1])
    return (normal / kind(dtype).type(4)).astype(kind(dtype))


def _host_layouts(subject: Subject, dtype: str) -> None:
    """NumPy arrays whose elements do not lie in row-major order, or may not be written."""
    x = distinct(subject, dtype, (6, 8))
    frozen = x.copy()
    frozen.flags.writeable = False
    layouts = {
        "transposed": x.T,
        "in column-major order": np.asfortranarray(x),
        "every second": x[::2, 1::3],
        "reversed": x[::-1, ::-1],
        "one column": x[:, 3],
        "broadcast": np.broadcast_to(x[0], (3, 8)),
        "read-only": frozen,
        "at an offset": x.reshape(-1)[5:],
        "a single element": x[2:3, 4].reshape(()),
    }
    for name, host in layouts.items():
        before = host.copy()
        a = subject.backend.from_host(host, dtypes.dtype_named(dtype), subject.index)
        assert_same(subject.get(a), before, f"a host array of {dtype}, {name}")


def _assign(subject: Subject, dtype: str) -> None:
    for shape, second in _ASSIGNS:
        x, src = distinct(subject, dtype, shape), distinct(subject, dtype, second)
        src = np.ascontiguousarray(src[(slice(None, None, -1),) * src.ndim]).reshape(second)
        what = f"assign({dtype}{list(shape)}, {dtype}{list(second)})"
        dst, written = subject.put(x), subject.put(src)
        gave = subject.backend.assign(dst, written)
        assert gave is None, f"{what} gave {gave!r}, expected nothing"
        _shaped(subject, dst, shape, what)
        expected = np.empty(shape, kind(dtype))
        expected[...] = src
        assert_same(subject.get(dst), expected, what)
        assert_same(subject.get(written), src, f"the source after {what}")
        # What was written stays when its source is written next.
        subject.backend.assign(written, subject.put(np.zeros_like(src)))
        assert_same(subject.get(dst), expected, f"{what}, and then into the source")


def _overlapping(subject: Subject, dtype: str) -> None:
    """What is written is what was there before, where the source lies in the same memory."""
    if "views" not in subject.backend.caps.features:
        raise Skipped("no views are claimed, so no two arrays overlap")
    for start, other in ((0, 1), (1, 0)):
        x = distinct(subject, dtype, (40,))
        source = subject.put(x)
        dst = subject.kernel("slice")(source, (start,), (1,), (39,))
        src = subject.kernel("slice")(source, (other,), (1,), (39,))
        subject.backend.assign(dst, src)
        expected = x.copy()
        expected[start : start + 39] = x[other : other + 39]
        what = f"assign of an array of {dtype} to itself, {start - other:+} elements on"
        assert_same(subject.get(source), expected, what)


def _changed(x: Array) -> Array:
    """Other values than `x`'s everywhere."""
    with np.errstate(all="ignore"):
        return np.asarray(x == 0).astype(x.dtype)


def _independent(subject: Subject, dtype: str) -> None:
    """Arrays do not share memory, neither with each other nor, beside the CPU, with the host."""
    x = distinct(subject, dtype, (4, 5))
    first, second = subject.put(x), subject.put(x)
    subject.backend.assign(first, subject.put(_changed(x)))
    assert_same(subject.get(second), x, "an array, after a write into another of the same values")
    if subject.device.type == "cpu":
        return  # from_numpy and numpy() share memory there, as PyTorch's do.
    host = x.copy()
    a = subject.backend.from_host(host, dtypes.dtype_named(dtype), subject.index)
    host[...] = _changed(x)
    assert_same(subject.get(a), x, "an array, after a write into the host array that it came from")
    found = subject.get(a)
    subject.backend.assign(a, subject.put(_changed(x)))
    assert_same(found, x, "what to_host gave, after a write into the array")
    found = subject.get(a)
    if found.flags.writeable:
        found[...] = x
        assert_same(subject.get(a), _changed(x), "an array, after a write into what to_host gave")


def _devices(subject: Subject, dtype: str) -> None:
    """Every device that the probe names takes arrays."""
    backend, target = subject.backend, dtypes.dtype_named(dtype)
    for index in range(backend.device_count()):
        x = distinct(subject, dtype, (4, 5))
        a = backend.from_host(x.copy(), target, index)
        assert_same(subject.get(a), x, f"{dtype}[4, 5] to device {index} and back")
        other = backend.from_host(_changed(x), target, index)
        backend.assign(a, other)
        assert_same(subject.get(a), _changed(x), f"assign on device {index}")
        if dtype == "float32" and subject.native("full") and subject.native("add"):
            # Kernels take arrays of one device, so this shows where `a` is.
            made = subject.kernel("full")((4, 5), 1, target, index)
            sums = subject.get(subject.kernel("add")(made, a))
            assert_same(
                sums,
                (_changed(x) + 1).astype(kind(dtype)),
                f"full and from_host, added on device {index}",
            )
    if not backend.device_count():
        raise Skipped("probe() names no devices")
