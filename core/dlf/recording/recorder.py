"""What a thread queues on a device, recorded in pieces and played again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, ClassVar, TypeAlias

from ..device_modules import DeviceModule
from ..devices import resolve
from .host_draws import no_host_draws
from .optimizers import hooked
from .places import Places, Starts
from .state import CaptureError, CaptureState

__all__ = ["Play", "Recorder"]

Play: TypeAlias = Callable[[], Any]


class Recorder(ABC):
    """Records what a thread queues on one device. A backend derives its own and gives the rest.

    The methods that a backend writes are called in this order: `queued`, and in that context
    `begin` and `end` once for each piece; then, for each playing, `write` and what `end` gave. The
    device is ready before, and has no work left. A kernel of the group ``random`` that is recorded
    asks ``places.find(seed, offset)`` of whose numbers it draws and how far on from their start,
    and must read the start when it is played, as `write` set it.

    Args:
        index: the device's index.
        constants: whether data that come from the host meanwhile are kept as they are; an error
            otherwise.

    Attributes:
        device_type: the type of the backend's devices.
        state: the backend's `CaptureState`.
        places: the random numbers that were reserved in the recording.
    """

    device_type: ClassVar[str]
    state: ClassVar[CaptureState]

    def __init__(self, index: int, constants: bool = False) -> None:
        self.index, self.constants = index, constants
        self.places = Places()
        self._first: list[Play] = []
        self._later: list[Play] = []
        self._played = False

    @abstractmethod
    def queued(self) -> AbstractContextManager[Any]:
        """A context in which this thread's work goes where the recorder keeps it."""

    @abstractmethod
    def begin(self) -> None:
        """Keep from now on what this thread queues, instead of doing it."""

    @abstractmethod
    def end(self) -> Play:
        """End the piece, and give the function that queues it on the current stream.

        Called as well where an error ended the recording; what it gives or raises then is ignored.
        """

    @abstractmethod
    def write(self, starts: Starts) -> None:
        """Queue that the generators of `places` begin at `starts`, a seed and an offset of each,
        for what is queued after it. A device that does not draw by itself has nothing to do."""

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what this thread queues within the block; nothing is computed.

        Raises:
            CaptureError: something was done that a replay cannot repeat, or that failed.
        """
        self.state.refuse("another capture was begun")
        resolve(f"{self.device_type}:{self.index}")  # Now, since kernels may not be loaded later.
        DeviceModule(self.device_type).synchronize(self.index)
        with no_host_draws(), hooked(self):
            try:
                with self.queued():
                    with self._kept():
                        yield
                    self._keep(self.end())
            except CaptureError:
                raise
            except Exception as error:
                raise CaptureError(
                    f"the step could not be captured: {type(error).__name__}: {error}"
                ) from error

    @contextmanager
    def _kept(self) -> Iterator[None]:
        self.state.begin(self)
        try:
            self.begin()
            with self.places.recording():
                yield
        except BaseException:
            # What ended the recording is told by the error that is on its way.
            with suppress(Exception):
                self.end()
            raise
        finally:
            self.state.end()

    def cut(self, later: Play | None = None) -> None:
        """End one piece and begin the next.

        Args:
            later: what stands in the place of the piece that ends in all playings but the first.
                Default: itself.
        """
        self._keep(self.end(), later)
        self.begin()

    def _keep(self, piece: Play, later: Play | None = None) -> None:
        self._first.append(piece)
        self._later.append(piece if later is None else later)

    def play(self) -> None:
        """Queue what was recorded; the first time with what Python computed in the recording."""
        self.write(self.places.again() if self._played else self.places.starts)
        for piece in self._later if self._played else self._first:
            piece()
        self._played = True
