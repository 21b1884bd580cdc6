"""The services that a backend may give, as protocols: what each one's methods are to do.

A backend names its services in `Backend.services`: a mapping from ``"streams"``, ``"memory"``,
``"rng"``, ``"amp"``, ``"pinned"``, ``"graphs"`` or ``"devices"`` to an object with the methods or
attributes below. It need not inherit from a protocol, and a method that it lacks is one that the
device does not have: core asks before it uses one, and the conformance kit skips its cases. What an
object of `services` has is also found under ``dlf.NAME``, where NAME is the device type. ``device``
stands for an index, a device, its name, or None for the current one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..devices import device as Device

__all__ = [
    "Amp",
    "Captured",
    "Devices",
    "Event",
    "Graphs",
    "Memory",
    "Pinned",
    "Profiler",
    "Rng",
    "Stream",
    "Streams",
    "Where",
]

Where: TypeAlias = "int | str | Device | None"


class Stream(Protocol):
    """A queue of work on one device, done in its order; between streams only events order."""

    def wait_stream(self, other: Any) -> None:
        """Let later work of this stream come after all that is queued on `other` now."""

    def wait_event(self, event: Any) -> None:
        """Let later work of this stream come after `event`, at once if it was never recorded."""

    def record_event(self, event: Any = None) -> Any:
        """Put `event` (None: a new one) behind what is queued now, and give it."""

    def query(self) -> bool:
        """Whether all its work is done; does not wait."""

    def synchronize(self) -> None:
        """Wait until all its work is done; raises the error of work that failed."""


class Event(Protocol):
    """A place in a stream."""

    def record(self, stream: Any = None) -> None:
        """Put this event at the end of `stream` (None: the current one)."""

    def wait(self, stream: Any = None) -> None:
        """Let later work of `stream` (None: the current one) come after this event."""

    def query(self) -> bool:
        """Whether the event was reached; true of one that was never recorded."""

    def synchronize(self) -> None:
        """Wait until the event is reached."""

    def elapsed_time(self, end: Any) -> float:
        """Milliseconds from this event to `end`; RuntimeError unless both were made with
        ``enable_timing=True`` and reached."""


class Streams(Protocol):
    """The service ``"streams"`` of a device whose kernels run after their call has returned.

    Kernels, `assign` and copies of one thread run on that thread's current stream, in the order of
    their calls. `to_host` waits for what its array needs. Memory of an array that is let go is not
    given to another stream before the work that uses it is done.
    """

    Stream: type[Any]
    """Called as ``Stream(device)``, makes a `Stream`."""

    Event: type[Any]
    """Called as ``Event(enable_timing=False)``, makes an `Event`."""

    def current_stream(self, device: Where = None) -> Any:
        """The stream on which this thread's kernels of `device` are queued."""

    def stream(self, chosen: Any) -> AbstractContextManager[Any]:
        """Queue this thread's kernels on `chosen` within the block, and as before after it."""

    def synchronize(self, device: Where = None) -> None:
        """Wait for all work on `device` (None: on all); raises the first error of late work."""


class Memory(Protocol):
    """The service ``"memory"``: statistics in bytes, a device each.

    What counts as allocated falls when a tensor goes; memory that is kept for later use counts as
    reserved.
    """

    def memory_allocated(self, device: Where = None) -> int:
        """In use by tensors now."""

    def max_memory_allocated(self, device: Where = None) -> int:
        """The most that was in use since the start or the last `reset_peak_memory_stats`."""

    def reset_peak_memory_stats(self, device: Where = None) -> None:
        """Let the peak start anew from what is in use."""

    def memory_stats(self, device: Where = None) -> dict[str, int]:
        """All counters by name, none negative."""

    def empty_cache(self) -> None:
        """Give back what is reserved and not in use; tensors keep their memory."""


class Rng(Protocol):
    """The service ``"rng"`` of a device that draws random numbers itself."""

    def manual_seed(self, seed: int) -> None:
        """Start the numbers of all devices of this type anew: one seed, one sequence."""

    def get_rng_state(self, device: Where = None) -> Any:
        """What `set_rng_state` needs to give the following numbers again."""

    def set_rng_state(self, new_state: Any, device: Where = None) -> None:
        """Go on as after `get_rng_state` gave `new_state`."""


class Amp(Protocol):
    """The service ``"amp"``: what `dlf.autocast` does on this device. Without it core's own lists
    hold (`dlf.amp.lists`). The conformance kit asks for ``"matmul"`` and ``"linear"`` in
    `lower_precision`, without which a region brings nothing, and refuses names that dlf does not
    know.

    The lists name ops of the registry, and the functions that are made of several ops and choose
    their dtype as one, such as ``"cross_entropy"`` or ``"addmm"``; a name that dlf does not know is
    passed over. No name stands in two lists. A listed op is cast as a whole, with or without a
    kernel for it; one in no list runs as outside autocast, its decomposition too. Only tensors in
    float32, float16 and bfloat16 are cast: integers, float64 and complex numbers stay as they are.
    """

    @property
    def lower_precision(self) -> frozenset[str]:
        """Cast to the dtype of the region: what is fast there and loses little, such as matmul."""

    @property
    def float32(self) -> frozenset[str]:
        """Cast to float32: what needs the range or the digits, such as losses and sums."""

    @property
    def promote(self) -> frozenset[str]:
        """Cast to the widest dtype among the inputs: what takes several tensors of one dtype."""

    @property
    def float32_inside(self) -> frozenset[str]:
        """Run in float32, the (first) result in the dtype of the (first) input: normalization,
        whose input and parameters may differ in dtype. May be left out: none."""

    @property
    def dtypes(self) -> frozenset[str]:
        """Names of the dtypes that a region may have, such as ``{"bfloat16", "float16"}``."""

    @property
    def default_dtype(self) -> str:
        """The name of the one it has where none is asked for; one of `dtypes`."""


class Pinned(Protocol):
    """The service ``"pinned"``: host memory that a device reads and writes by itself, so that the
    host need not wait for a copy. `Tensor.pin_memory` and ``non_blocking=True`` use it.

    ``host`` is a NumPy array, in any layout, of a dtype that the backend stores. Copies are queued
    on the calling thread's current stream of the device; a device that has no streams has made them
    when the call returns.
    """

    @property
    def unasked(self) -> bool:
        """Whether `Tensor.pin_memory` may take this device when it is told none; a device for tests
        says False. May be left out: True."""

    def pin(self, host: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A copy of `host`, of its shape and dtype and in row-major order, in pinned memory.

        It is an ordinary, writable NumPy array. The memory lives as long as any array that views
        it, and is not used anew before the copies that were queued from and to it are done.
        """

    def is_pinned(self, host: npt.NDArray[Any]) -> bool:
        """Whether `host`, or what it views, is in pinned memory; either for one without elements.
        Asked for every copy with ``non_blocking=True``: quick."""

    def copy_to_device(self, host: npt.NDArray[Any], dtype: Any, index: int) -> Any:
        """A new array on device `index` with the values of `host`, which is pinned, in `dtype`.

        The host does not wait. `host` is read at any time until the stream has got there: its
        caller does not write it before, and the service keeps it alive so long.
        """

    def copy_to_host(
        self, a: Any, out: npt.NDArray[Any] | None = None
    ) -> tuple[npt.NDArray[Any], Any]:
        """A pinned host array that gets the values of `a`, and the `Event` after which it has them.

        The array is new, or `out`: pinned, in row-major order, of `a`'s shape and dtype. The host
        does not wait, and what is queued later does not change the values. The service keeps the
        array's memory until they are there, even where nobody else does.
        """


class Captured(Protocol):
    """A step that `Graphs.graph` made. Calls give what the step gives.

    The results of a replay are the same tensors each time, with the values of this call: copy what
    must outlast the next one. `replays` counts the calls that were replayed.
    """

    replays: int

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """One step. Tensors among the arguments may be on the host; each call uses their values of
        that call. A call with other shapes, dtypes or plain values is warmed up and recorded on its
        own."""

    def reset(self) -> None:
        """Forget the recordings and give their memory back; the next calls warm up anew."""


class Graphs(Protocol):
    """The service ``"graphs"``: ``dlf.NAME.graph(step)``, a step recorded once and replayed.

    A replay queues the device's work of the recording again without running the step's Python, save
    ``Optimizer.step``: it counts, and follows the learning rates that a scheduler sets, in every
    call. Results, parameters and optimizer state are after each call what they are after the step
    itself.
    """

    @property
    def CaptureError(self) -> type[Exception]:  # noqa: N802  # it is a class
        """The class, a `RuntimeError`, of the errors of what a recording cannot repeat."""

    def graph(
        self,
        step: Callable[..., Any],
        *,
        device: Where = None,
        warmup: int = 3,
        constants: bool = False,
    ) -> Captured:
        """`step`, which runs as it is `warmup` times (at least once), is recorded in the next call,
        and replayed in those after it.

        The call that records raises `CaptureError` where the step reads a value from the device
        (``item``, ``nonzero``, a branch on a value), fails, or takes data from the host that are no
        argument, random numbers that the host draws among them. Other data are allowed with
        `constants`: every replay has them as they were. Random numbers that the device draws are
        new in each replay, or refused. After the error all goes on outside as before. ValueError
        for a `warmup` below 1.
        """

    def is_current_stream_capturing(self) -> bool:
        """Whether this thread is recording."""


class Devices(Protocol):
    """The service ``"devices"``: what the devices of this type are, under PyTorch's names."""

    def get_device_name(self, device: Where = None) -> str:
        """The device's name, such as its probe gives."""

    def get_device_capability(self, device: Where = None) -> tuple[int, int]:
        """The generation of the device, major and minor, as its maker counts them."""

    def get_device_properties(self, device: Where = None) -> Any:
        """An object with ``name`` and ``total_memory``, in bytes, and what else there is to say."""


class Profiler(Protocol):
    """The service ``"profiler"``: names for what a thread does, which the device's profiler shows
    beside its kernels."""

    def range_push(self, msg: str) -> int:
        """Begin a range named `msg` within those that are open; gives how many those are."""

    def range_pop(self) -> int:
        """End the range that this thread began last, RuntimeError if there is none; gives how many
        are open around it."""

    def range(self, msg: str, *args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
        """A range over the ``with`` block, named ``msg.format(*args, **kwargs)``."""

    def mark(self, msg: str) -> None:
        """A moment named `msg`."""
