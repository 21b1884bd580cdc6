"""`DataLoader(pin_memory=True)`: what is pinned, by whom, and for which device."""

from __future__ import annotations

import collections
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory as torch_pin

import dlf
from dlf.utils import data
from dlf.utils.data.pinning import pin
from dlf_sim.pinned import PinnedService

SIM = dlf.device("sim")


class Pair(NamedTuple):
    x: Any
    y: Any


class Holder:
    """A batch of one's own."""

    def __init__(self, x: Any) -> None:
        self.x, self.called = x, 0

    def pin_memory(self) -> Holder:
        self.called += 1
        return self


class Tagged(list[Any]):
    """A list with more to it than its entries."""

    tag = "none"


def structures(x: Any) -> dict[str, Any]:
    tagged = Tagged([x, 1])
    tagged.tag = "kept"
    return {
        "tensor": x,
        "tuple": (x, [x, "text"], 3),
        "named": Pair(x, None),
        "dictionary": {"a": x, "b": {"c": (x, x)}},
        "ordered": collections.OrderedDict(b=x, a=x),
        "default": collections.defaultdict(list, a=x),
        "proxy": types.MappingProxyType({"a": x}),
        "tagged": tagged,
        "deque": collections.deque([x, 2]),
        "range": range(3),
        "text": "text",
        "bytes": b"bytes",
        "number": 1.5,
        "none": None,
    }


def form(value: Any) -> Any:
    """Types all the way down, tensors of both libraries as one."""
    if isinstance(value, (dlf.Tensor, torch.Tensor)):
        return "tensor", value.tolist()
    if isinstance(value, (str, bytes)):
        return value
    if hasattr(value, "items"):
        return type(value).__name__, [(key, form(one)) for key, one in value.items()]
    if isinstance(value, collections.abc.Sequence):
        return type(value).__name__, [form(one) for one in value]
    return value


def tensors(value: Any) -> Iterator[dlf.Tensor]:
    if isinstance(value, dlf.Tensor):
        yield value
    elif hasattr(value, "items"):
        for one in value.values():
            yield from tensors(one)
    elif isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes)):
        for one in value:
            yield from tensors(one)


@pytest.mark.parametrize("name", structures(0))
def test_structures(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All keep the types that PyTorch's loader gives them."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self.clone())
    dlf.zeros(1, device=SIM)
    ours = pin(structures(dlf.ones(2))[name], SIM)
    theirs = torch_pin(structures(torch.ones(2))[name])  # type: ignore[no-untyped-call]  # as it is
    assert form(ours) == form(theirs)
    assert all(t.is_pinned() for t in tensors(ours))
    if name == "tagged":
        assert ours.tag == theirs.tag == "kept"


def test_own_batches() -> None:
    holder = Holder(1)
    assert pin([holder], SIM) == [holder]
    assert holder.called == 1


def test_tensors_of_devices_stay() -> None:
    there = dlf.ones(2, device="sim")
    assert pin({"a": there}, SIM)["a"] is there


def test_pinned_ones_stay() -> None:
    x = dlf.ones(2).pin_memory("sim")
    assert pin([x], SIM)[0] is x


@pytest.mark.parametrize("workers", [0, 2])
def test_batches(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers pin what they read, without workers the caller does; values and order stay."""
    threads = set()
    pinning = PinnedService.pin

    def noted(self: PinnedService, host: Any) -> Any:
        threads.add(threading.current_thread().name)
        return pinning(self, host)

    monkeypatch.setattr(PinnedService, "pin", noted)
    dataset = data.TensorDataset(dlf.arange(10), dlf.arange(10) * 2)
    loader = data.DataLoader(
        dataset, 4, num_workers=workers, pin_memory=True, pin_memory_device="sim"
    )
    batches = list(loader)
    assert [[t.tolist() for t in batch] for batch in batches] == [
        [[0, 1, 2, 3], [0, 2, 4, 6]],
        [[4, 5, 6, 7], [8, 10, 12, 14]],
        [[8, 9], [16, 18]],
    ]
    assert all(t.is_pinned("sim") for batch in batches for t in batch)
    own = threading.current_thread().name
    assert own not in threads if workers else threads == {own}


def test_pinning_goes_on_beside_the_step() -> None:
    """While the caller has one batch, the next ones are pinned."""
    ready = threading.Semaphore(0)

    class Counted:
        def pin_memory(self) -> Counted:
            ready.release()
            return self

    loader: Any = data.DataLoader(
        [0] * 4,  # type: ignore[arg-type]  # a list is a data set
        1,
        collate_fn=lambda samples: Counted(),
        num_workers=1,
        prefetch_factor=3,
        pin_memory=True,
        pin_memory_device="sim",
    )
    batches = iter(loader)
    next(batches)
    for _ in range(3):
        assert ready.acquire(timeout=10)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_pinning_arrive(workers: int) -> None:
    class Broken:
        def pin_memory(self) -> Any:
            raise KeyError("cannot be pinned")

    loader: Any = data.DataLoader(
        [0, 1],  # type: ignore[arg-type]  # a list is a data set
        1,
        collate_fn=lambda samples: Broken(),
        num_workers=workers,
        pin_memory=True,
        pin_memory_device="sim",
    )
    with pytest.raises(KeyError, match="cannot be pinned"):
        next(iter(loader))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("streams", [False, True])
def test_errors_of_the_data_arrive(workers: int, streams: bool) -> None:
    class Numbers(data.IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            yield dlf.ones(1)
            raise KeyError("gone")

    class Indexed(data.Dataset[Any]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            if index:
                raise KeyError("gone")
            return dlf.ones(1)

    dataset: Any = Numbers() if streams else Indexed()
    loader: Any = data.DataLoader(
        dataset, None, num_workers=workers, pin_memory=True, pin_memory_device="sim"
    )
    batches = iter(loader)
    assert next(batches).is_pinned()
    with pytest.raises(KeyError, match="gone"):
        while True:
            next(batches)


def test_a_stream_ends() -> None:
    class Numbers(data.IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            return iter([dlf.ones(1)] * 5)

    for workers in (0, 1):
        loader: Any = data.DataLoader(
            Numbers(), 2, num_workers=workers, pin_memory=True, pin_memory_device="sim"
        )
        assert [len(batch) for batch in loader] == [2, 2, 1]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No device has pinned memory."""
    monkeypatch.setattr("dlf.ops.pinning._unasked", lambda: iter(()))
    monkeypatch.setattr("dlf.ops.pinning._last", None)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("device", "reason"),
    [("", "no accelerator is found"), ("cpu", "cpu has no pinned memory")],
)
def test_without_pinned_memory(device: str, reason: str, workers: int) -> None:
    """A warning at each iteration, in PyTorch's words, and batches as they are."""
    dataset = data.TensorDataset(dlf.arange(4))
    loader = data.DataLoader(
        dataset, 2, num_workers=workers, pin_memory=True, pin_memory_device=device
    )
    for _ in range(2):
        with pytest.warns(UserWarning, match=f"is set as true but {reason}, then") as told:
            batches = list(loader)
        assert len(told) == 1
        assert told[0].filename == __file__
        assert [batch[0].tolist() for batch in batches] == [[0, 1], [2, 3]]


@pytest.mark.usefixtures("nobody")
def test_the_warning_is_pytorchs() -> None:
    def told(make: Callable[[Any, int], Any], x: Any) -> str:
        with pytest.warns(UserWarning) as found:
            list(make(x, 2))
        return str(found[0].message)

    if torch.accelerator.is_available():
        pytest.skip("PyTorch has an accelerator here")
    theirs = told(lambda x, n: torch.utils.data.DataLoader(x, n, pin_memory=True), torch.ones(4))
    ours = told(lambda x, n: data.DataLoader(x, n, pin_memory=True), dlf.ones(4))
    assert ours == theirs


def test_a_device_that_nobody_registered() -> None:
    loader: Any = data.DataLoader(
        data.TensorDataset(dlf.ones(2)), pin_memory=True, pin_memory_device="smi"
    )
    with pytest.raises(LookupError, match="did you mean 'sim'"):
        next(iter(loader))


def test_the_default_device_counts() -> None:
    dataset = data.TensorDataset(dlf.ones(2))
    dlf.set_default_device("sim")
    try:
        (batch,) = next(iter(data.DataLoader(dataset, 2, pin_memory=True)))
        assert batch.is_pinned("sim")
    finally:
        dlf.set_default_device(None)
