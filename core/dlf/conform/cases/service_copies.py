"""Copies from and to pinned memory, for which the host does not wait."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

import numpy as np

from ...devices import device as Device
from ...devices import resolve
from ..close import assert_same
from ..subject import Subject
from .service import service
from .service_values import fetched, in_pinned, landed, sent, settle, several, values

__all__ = ["CASES"]

SHAPE = 7, 5


def _host(subject: Subject) -> Any:
    return values(subject, "float32", SHAPE)


def _to_device(subject: Subject) -> None:
    """Every dtype, in odd shapes, empty and of no dimensions."""
    for host in several(subject):
        there = sent(subject, in_pinned(subject, host))
        assert there.device is subject.device
        assert there.dtype.name == host.dtype.name
        settle(subject)
        assert_same(there.cpu().numpy(), host, f"{host.dtype.name} of shape {host.shape}")


def _to_host(subject: Subject) -> None:
    """Every dtype; the result is pinned, and has its values after the device is synchronised."""
    for host in several(subject):
        back = fetched(subject, subject.tensor(host))
        assert back.device.type == "cpu"
        assert not host.size or back.is_pinned(), "the result is in ordinary memory"
        settle(subject)
        assert_same(back.numpy(), host, f"{host.dtype.name} of shape {host.shape}")


def _layouts(subject: Subject) -> None:
    """Views of pinned memory, and of tensors on the device."""
    host = _host(subject)
    pinned = in_pinned(subject, host)
    there = subject.tensor(host)
    for view, from_device, expected in (
        (pinned.t(), there.t(), host.T),
        (pinned[::2, 1:], there[::2, 1:], host[::2, 1:]),
        (pinned.flip(0), there.flip(0), host[::-1]),
        (pinned[1].expand(3, 5), there[1].expand(3, 5), np.broadcast_to(host[1], (3, 5))),
    ):
        to, back = sent(subject, view), fetched(subject, from_device)
        settle(subject)
        expected = np.ascontiguousarray(expected)
        assert_same(to.cpu().numpy(), expected, "a view of pinned memory")
        assert_same(np.ascontiguousarray(back.numpy()), expected, "a view on the device")


def _casts(subject: Subject) -> None:
    """A cast on the way, in both directions."""
    from ...dtypes import int64

    subject.need("int64")
    host = _host(subject)
    there = in_pinned(subject, host).to(subject.device, int64, non_blocking=True)
    back = subject.tensor(host).to("cpu", int64, non_blocking=True)
    settle(subject)
    for got in (there.cpu(), back):
        assert_same(got.numpy(), host.astype(np.int64), "cast on the way")


def _default_is_safe(subject: Subject) -> None:
    """Without `non_blocking` nothing that happens later is seen; from ordinary memory, never."""
    from ... import from_numpy

    host = _host(subject)
    pinned, plain = in_pinned(subject, host), from_numpy(host.copy())
    there = pinned.to(subject.device)
    late = sent(subject, plain)
    pinned.fill_(5)
    plain.fill_(5)
    back = there.cpu()
    there.fill_(6)
    assert_same(back.numpy(), host, "the default copy to the host, after its source was written")
    assert_same(late.cpu().numpy(), host, "the copy of ordinary memory, which was written")


def _written_later(subject: Subject) -> None:
    """What the device does after the copy was queued does not change it."""
    host = _host(subject)
    there = sent(subject, in_pinned(subject, host)) * 1
    back = fetched(subject, there)
    there.fill_(7)
    settle(subject)
    assert_same(
        back.numpy(), host, "the host's copy, queued before the device's tensor was written"
    )


def _source_let_go(subject: Subject) -> None:
    """A pinned source that is let go at once is read all the same, not what lies there next."""
    hosts = [_host(subject) + at for at in range(12)]
    there = [sent(subject, in_pinned(subject, host)) for host in hosts]
    gc.collect()
    others = [in_pinned(subject, np.full(SHAPE, -1, np.float32)) for _ in range(12)]
    settle(subject)
    for one, host in zip(there, hosts, strict=True):
        assert_same(one.cpu().numpy(), host, "the copy of what was let go")
    assert all((one.numpy() == -1).all() for one in others)


def _result_let_go(subject: Subject) -> None:
    """A host copy that is let go before it came is not written into somebody else's memory."""
    there = subject.tensor(_host(subject))
    for _ in range(12):
        fetched(subject, there * 2)
    gc.collect()
    others = [in_pinned(subject, np.full(SHAPE, -1, np.float32)) for _ in range(12)]
    settle(subject)
    for one in others:
        assert (one.numpy() == -1).all(), "a copy that was let go wrote into other pinned memory"


def _many(subject: Subject) -> None:
    """Many copies in flight in both directions, each with its own values."""
    hosts = [_host(subject) * 100 + at for at in range(40)]
    back = [fetched(subject, sent(subject, in_pinned(subject, host)) + 1) for host in hosts]
    settle(subject)
    for got, host in zip(back, hosts, strict=True):
        assert_same(got.numpy(), host + 1, "one of many copies")


def _event(subject: Subject) -> None:
    """The event that comes with a host copy is reached when the values are there."""
    source = service(subject, "pinned", "copy_to_host")
    host = _host(subject)
    there = subject.tensor(host)
    for _ in range(3):
        there = there + 1
    got, event = source.copy_to_host(there._data)
    event.synchronize()
    assert event.query(), "the event is not reached after its synchronize"
    assert_same(got, host + 3, "the host's copy after its event")
    again = in_pinned(subject, host).numpy()
    given, event = source.copy_to_host((there * 2)._data, again)
    assert given is again, "the copy is not in the array that was given"
    event.synchronize()
    assert_same(again, (host + 3) * 2, "the copy into an array that was given")


def _copy_in_place(subject: Subject) -> None:
    """`copy_` in both directions, and with a cast."""
    host = _host(subject)
    pinned, there = in_pinned(subject, np.zeros(SHAPE, np.float32)), subject.tensor(host)
    pinned.copy_(there * 2, non_blocking=True)
    settle(subject)
    assert_same(pinned.numpy(), host * 2, "pinned memory after copy_")
    target = subject.tensor(np.zeros(SHAPE, np.float32))
    target.copy_(pinned, non_blocking=True)
    settle(subject)
    assert_same(target.cpu().numpy(), host * 2, "the device's tensor after copy_")
    subject.need("int64")
    whole = in_pinned(subject, np.zeros(SHAPE, np.int64))
    whole.copy_(there[0], non_blocking=True)
    settle(subject)
    expected = np.broadcast_to(host[0].astype(np.int64), SHAPE)
    assert_same(whole.numpy(), np.ascontiguousarray(expected), "copy_ with a cast, broadcast")


def _other_stream(subject: Subject) -> None:
    """Copies go on the current stream, and in its order."""
    streams = service(subject, "streams", "Stream", "stream", "current_stream")
    main, side = streams.current_stream(subject.index), streams.Stream(subject.index)
    host = _host(subject)
    pinned = in_pinned(subject, host)
    with streams.stream(side):
        there = sent(subject, pinned) * 2
        back = fetched(subject, there)
    main.wait_stream(side)
    assert_same((there + 1).cpu().numpy(), host * 2 + 1, "sent on another stream")
    side.synchronize()
    assert_same(back.numpy(), host * 2, "fetched on another stream")


def _each_index(subject: Subject) -> None:
    """Pinned memory is pinned for all devices of the type, and a copy goes where it should."""
    from ... import ones

    host = _host(subject)
    pinned = in_pinned(subject, host)
    for index in range(subject.backend.device_count()):
        where = resolve(Device(subject.device.type, index))
        there = landed(subject, where, partial(pinned.to, where, non_blocking=True))
        back = (there + ones(*SHAPE, device=where)).to("cpu", non_blocking=True)
        settle(subject)
        assert_same(back.numpy(), host + 1, f"by way of {where}")


def _gradient(subject: Subject) -> None:
    """Gradients go back through pinning and both copies."""
    from ... import from_numpy

    service(subject, "pinned", "copy_to_device", "copy_to_host")
    host = _host(subject)
    x = from_numpy(host.copy()).requires_grad_()
    back = fetched(subject, sent(subject, x.pin_memory(subject.device)) * 3)
    settle(subject)
    back.sum().backward()
    assert x.grad is not None
    assert_same(x.grad.numpy(), np.full_like(host, 3), "gradient")


CASES = (
    _to_device,
    _to_host,
    _layouts,
    _casts,
    _default_is_safe,
    _written_later,
    _source_let_go,
    _result_let_go,
    _many,
    _event,
    _copy_in_place,
    _other_stream,
    _each_index,
    _gradient,
)
