"""Pinned memory: what it is, and that data loaders fill it."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np

from ..close import assert_same
from ..subject import Subject
from .service import service
from .service_values import in_pinned, sent, settle, several, values

__all__ = ["CASES"]

SHAPE = 7, 5


def _host(subject: Subject) -> Any:
    return values(subject, "float32", SHAPE)


def _pin(subject: Subject) -> None:
    """A copy of the same values, in memory that is pinned as the source's is not."""
    for host in several(subject):
        what = f"{host.dtype.name} of shape {host.shape}"
        kept = host.copy()
        pinned = in_pinned(subject, host)
        assert_same(pinned.numpy(), kept, what)
        if not host.size:
            continue
        source = service(subject, "pinned")
        assert source.is_pinned(pinned.numpy()), f"{what}: what was pinned is not"
        assert not source.is_pinned(host), f"{what}: ordinary memory counts as pinned"
        host[...] = 0
        assert_same(pinned.numpy(), kept, f"{what}, after its source changed")
        pinned.fill_(1)
        assert not host.any(), f"{what}: writing what was pinned changed its source"


def _pin_layouts(subject: Subject) -> None:
    """Arrays whose elements do not lie in order are pinned in order."""
    host = _host(subject)
    for laid in (host.T, host[::2, 1:], host[::-1], np.broadcast_to(host[0], SHAPE)):
        made = service(subject, "pinned", "pin").pin(laid)
        assert_same(made, np.ascontiguousarray(laid), "what was pinned")
        assert made.flags.c_contiguous, "what was pinned does not lie in row-major order"
        assert made.flags.writeable, "what was pinned cannot be written"


def _tensors(subject: Subject) -> None:
    """Tensors know where they are; pinning twice is pinning once."""
    from ... import from_numpy

    x = from_numpy(_host(subject))
    pinned = in_pinned(subject, x.numpy())
    assert pinned.is_pinned()
    assert pinned.is_pinned(subject.device)
    assert pinned[1:].is_pinned()
    assert not x.is_pinned()
    assert pinned.pin_memory(subject.device) is pinned
    assert not subject.tensor(x.numpy()).is_pinned()
    try:
        subject.tensor(x.numpy()).pin_memory(subject.device)
    except RuntimeError as error:
        assert "only dense CPU tensors can be pinned" in str(error)
    else:
        raise AssertionError("a tensor of the device was pinned")


def _memory_outlives(subject: Subject) -> None:
    """A view keeps the memory; what is pinned next gets other memory."""
    host = _host(subject)
    pinned = in_pinned(subject, host)
    view, row = pinned[2:], pinned[1].numpy()
    del pinned
    gc.collect()
    others = [in_pinned(subject, np.full(SHAPE, 9, np.float32)) for _ in range(8)]
    assert_same(view.numpy(), host[2:], "a view of what was let go")
    assert_same(row, host[1], "a row of what was let go")
    assert len(others) == 8


def _saved(subject: Subject) -> None:
    """A pinned tensor is copied and pickled as any other."""
    host = _host(subject)
    pinned = in_pinned(subject, host)
    for twin in (copy.deepcopy(pinned), pickle.loads(pickle.dumps(pinned)), pinned.clone()):
        pinned.fill_(0)
        assert_same(twin.numpy(), host, "the copy of a pinned tensor")
        pinned = in_pinned(subject, host)


def _loader(subject: Subject) -> None:
    """`DataLoader(pin_memory=True)` gives pinned batches, beside a step that takes them."""
    from ... import from_numpy
    from ...utils.data import DataLoader, TensorDataset

    host = values(subject, "float32", (23, 3))
    data = TensorDataset(from_numpy(host.copy()), from_numpy(host[:, 0].copy()))
    for workers in (0, 2):
        loader = DataLoader(
            data,
            4,
            num_workers=workers,
            pin_memory=True,
            pin_memory_device=subject.device.type,
        )
        got = []
        for x, y in loader:
            assert x.is_pinned()
            assert y.is_pinned()
            got.append(sent(subject, x) * 1)
            del x, y
        settle(subject)
        joined = np.concatenate([one.cpu().numpy() for one in got])
        assert_same(joined, host, f"what came through {workers} workers")


def _loader_errors(subject: Subject) -> None:
    """An error of the data set arrives, with pinning too."""
    from ... import ones
    from ...utils.data import DataLoader

    class Broken:
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> Any:
            if index == 5:
                raise KeyError("sample 5")
            return ones(2)

    for workers in (0, 2):
        loader: Any = DataLoader(
            Broken(),  # type: ignore[arg-type]  # it has what a data set needs
            2,
            num_workers=workers,
            pin_memory=True,
            pin_memory_device=subject.device.type,
        )
        batches = iter(loader)
        assert next(batches).is_pinned()
        next(batches)
        try:
            next(batches)
        except KeyError as error:
            assert "sample 5" in str(error)
        else:
            raise AssertionError("the error of the data set was lost")


CASES = (
    _pin,
    _pin_layouts,
    _tensors,
    _memory_outlives,
    _saved,
    _loader,
    _loader_errors,
)
