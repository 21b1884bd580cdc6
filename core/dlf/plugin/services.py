"""The services that a backend may give, as protocols: what each one's methods are to do.

A backend names its services in `Backend.services`: a mapping from ``"streams"``, ``"memory"``,
``"rng"`` or ``"amp"`` to an object with the methods or attributes below. It need not inherit from a
protocol, and a method that it lacks is one that the device does not have: core asks before it uses
one, and the conformance kit skips its cases. What an object of `services` has is also found under
``dlf.NAME``, where NAME is the device type. ``device`` stands for an index, a device, its name, or
None for the current one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from ..devices import device as Device

__all__ = ["Amp", "Event", "Memory", "Rng", "Stream", "Streams", "Where"]

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
    hold (`dlf.amp.lists`).

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
