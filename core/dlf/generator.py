"""`Generator`: a stream of random numbers.

A device that has the kernels of the contract's group ``random`` draws by itself. Its generator is a
seed, which names a stream of numbers, and an offset, the place in it; each draw reserves a place of
its own, and the device computes the numbers that stand there.

All others, the CPU among them, get numbers from the host, which `dlf.draws` makes with NumPy's
Philox, a counter-based generator keyed by the seed (Salmon et al., "Parallel random numbers: as
easy as 1, 2, 3", 2011). A seed gives them the same numbers on every one of these devices. None of
the numbers are PyTorch's. One generator may serve several threads.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .devices import device as Device
from .devices import resolve
from .registry import registry

if TYPE_CHECKING:
    from numpy.random import Generator as NumpyGenerator

    from .tensor import Tensor

__all__ = ["GROUP", "Generator", "draws_itself", "expected", "listening", "of_place"]

GROUP = ("random_uniform", "random_normal", "random_integers")
"""The kernels with which a device draws by itself: it has all of them, or is served by the host."""

# PyTorch's seed of a generator that nobody seeded.
_DEFAULT_SEED = 67280421310721
# Seed, counter, key, buffer, its position, and the spare half of a 64-bit draw.
_STATE = struct.Struct("<Q4Q2Q4Q3Q")
# Seed and offset, which is the state of PyTorch's generators of devices.
_PLACE = struct.Struct("<2Q")

Told = Callable[["Generator", int, int, int], None]


class _Listening(threading.local):
    told: tuple[Told, ...] = ()


_listening = _Listening()


def draws_itself(device: Device) -> bool:
    """Whether the ready `device` has kernels for random numbers; the CPU's come from NumPy."""
    if device.type == "cpu":
        return False
    sources = (device.origins[registry[name].slot].source for name in GROUP)
    return all(one in ("native", "overlay") for one in sources)


class Generator:
    """A stream of random numbers with its own seed and state.

    Args:
        device: the device that the numbers are for. Default: the CPU. Where it draws by itself, the
            generator serves all devices of this type and no other, as PyTorch's do; else the
            numbers are drawn on the host. Raises what the use of that device raises where it is
            unknown or unavailable.
    """

    __slots__ = ("__weakref__", "_lock", "_numpy", "_offset", "_seed", "device")

    def __init__(self, device: Device | str = "cpu") -> None:
        self.device = Device(device)
        self._seed = _DEFAULT_SEED
        self._numpy: NumpyGenerator | None = None
        self._lock = threading.RLock()
        # The place in the device's stream; None where the host draws.
        self._offset: int | None = None
        if self.device.type != "cpu":
            ready = resolve(self.device)
            if draws_itself(ready):
                self.device, self._offset = ready, 0

    @property
    def numpy(self) -> NumpyGenerator:
        """The NumPy generator that draws; made when first used.

        RuntimeError for a generator of a device that draws by itself.
        """
        found = self._numpy
        if found is not None:
            return found
        if self._offset is not None:
            raise expected("cpu", self)
        # Imported here since it takes as long as a third of `import dlf`.
        from numpy.random import Generator as NumpyGenerator
        from numpy.random import Philox

        with self._lock:
            found = self._numpy
            if found is None:
                found = self._numpy = NumpyGenerator(Philox(key=self._seed))
        return found

    @property
    def on_host(self) -> bool:
        """Whether the host draws, for the CPU or for a device that does not draw by itself."""
        return self._offset is None

    def host(self, count: int) -> Generator:
        """A generator of the host for `count` numbers of this one's stream: itself, if it is one.

        Draws that only the host can do follow the seed and the state of a device's generator so.
        """
        return self if self._offset is None else of_place(*self._reserve(count))

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of this seed, and return the generator.

        Args:
            seed: from -2**63 to 2**64 - 1; a negative one counts from 2**64 down.

        Raises:
            RuntimeError: `seed` is not an integer.
            ValueError: `seed` is out of range.
        """
        if not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected an integer, but got {type(seed).__name__}")
        number = int(seed)
        if not -(2**63) <= number < 2**64:
            raise ValueError(f"manual_seed expected -2**63 <= seed < 2**64, but got {number}")
        with self._lock:
            self._seed = number % 2**64
            if self._offset is not None:
                self._offset = 0
            elif self._numpy is not None:
                from numpy.random import Philox

                self._write(Philox(key=self._seed).state)
        return self

    def seed(self) -> int:
        """Seed from the operating system's entropy, and return that seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream was started with."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor on the CPU.

        It has 16 bytes, the seed and the offset, where the device draws by itself.
        """
        from .ops.creation import from_numpy

        state: Tensor = from_numpy(np.frombuffer(self._state(), np.uint8).copy())
        return state

    def set_state(self, new_state: Tensor) -> None:
        """Go on from a state that `get_state` gave.

        Raises:
            TypeError: `new_state` is not a uint8 tensor.
            RuntimeError: it has not the size of a state.
        """
        if getattr(new_state, "dtype", None) is not dtypes.uint8:
            raise TypeError(f"the state of a generator is a uint8 tensor, got {type(new_state)}")
        self._set_state(new_state.detach().cpu().numpy().tobytes())

    def clone_state(self) -> Generator:
        """A new generator that will draw the same numbers."""
        return _restored(str(self.device), self._state())

    def _reserve(self, count: int) -> tuple[int, int]:
        """Seed and offset of a place for `count` numbers, which no other draw gets.

        The offset counts steps of four numbers. RuntimeError where the host draws.
        """
        with self._lock:
            start = self._offset
            if start is None:
                raise RuntimeError(f"{self!r} draws on the host and has no offset")
            steps = (count + 3) // 4
            self._offset = (start + steps) % 2**64
            for tell in _listening.told:
                tell(self, self._seed, start, steps)
            return self._seed, start

    def _state(self) -> bytes:
        if self._offset is not None:
            with self._lock:
                return _PLACE.pack(self._seed, self._offset)
        bits: Any = self.numpy.bit_generator
        with self._lock, bits.lock:
            now = bits.state
            return _STATE.pack(
                self._seed,
                *map(int, now["state"]["counter"]),
                *map(int, now["state"]["key"]),
                *map(int, now["buffer"]),
                now["buffer_pos"],
                now["has_uint32"],
                now["uinteger"],
            )

    def _set_state(self, state: bytes) -> None:
        size = _STATE.size if self._offset is None else _PLACE.size
        if len(state) != size:
            raise RuntimeError(
                f"the state of a generator of {self.device} has {size} bytes, got {len(state)}"
            )
        if self._offset is not None:
            with self._lock:
                self._seed, self._offset = _PLACE.unpack(state)
            return
        start, *words = _STATE.unpack(state)
        with self._lock:
            self._seed = start
            self._write(
                {
                    "bit_generator": "Philox",
                    "state": {
                        "counter": np.array(words[0:4], np.uint64),
                        "key": np.array(words[4:6], np.uint64),
                    },
                    "buffer": np.array(words[6:10], np.uint64),
                    "buffer_pos": words[10],
                    "has_uint32": words[11],
                    "uinteger": words[12],
                }
            )

    def _write(self, state: Any) -> None:
        bits: Any = self.numpy.bit_generator
        with bits.lock:
            bits.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (str(self.device), self._state())

    def __repr__(self) -> str:
        return f"<dlf.Generator device={str(self.device)!r} seed={self._seed}>"


def _restored(device: str, state: bytes) -> Generator:
    made = Generator(device)
    made._set_state(state)
    return made


def of_place(seed: int, offset: int) -> Generator:
    """A generator of the host whose numbers are those of one place of a device's stream."""
    from numpy.random import Generator as NumpyGenerator
    from numpy.random import Philox

    made = Generator()
    made._numpy = NumpyGenerator(Philox(key=np.array([seed, offset], np.uint64)))
    return made


def expected(kind: str, generator: Generator) -> RuntimeError:
    """The error for `generator` in a draw that needs one of a device of type `kind`."""
    found = generator.device.type if generator._offset is not None else "cpu"
    return RuntimeError(f"Expected a '{kind}' device type for generator but found '{found}'")


@contextmanager
def listening(tell: Told) -> Iterator[None]:
    """Within the block, tell of every place that this thread reserves on a device.

    `tell` is called with the generator, the seed, the offset, and how many steps of four numbers
    the place has. Whoever records kernels to launch them again reserves as much each time.
    """
    before = _listening.told
    _listening.told = (*before, tell)
    try:
        yield
    finally:
        _listening.told = before
