"""Random numbers: `Generator`, and the global one; the draws are in `dlf.draws`.

Every draw comes from NumPy's Philox, a counter-based generator keyed by the seed (Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3", 2011), on the host. So a seed gives the same numbers
on every device; they are not PyTorch's numbers. One generator may serve several threads.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .devices import device as Device

if TYPE_CHECKING:
    from numpy.random import Generator as NumpyGenerator

    from .tensor import Tensor

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

# PyTorch's seed of a generator that nobody seeded.
_DEFAULT_SEED = 67280421310721
# Seed, counter, key, buffer, its position, and the spare half of a 64-bit draw.
_STATE = struct.Struct("<Q4Q2Q4Q3Q")


class Generator:
    """A stream of random numbers with its own seed and state.

    Args:
        device: the device that the numbers are for; they are drawn on the host. Default: the CPU.
    """

    __slots__ = ("__weakref__", "_lock", "_numpy", "_seed", "device")

    def __init__(self, device: Device | str = "cpu") -> None:
        self.device = Device(device)
        self._seed = _DEFAULT_SEED
        self._numpy: NumpyGenerator | None = None
        self._lock = threading.RLock()

    @property
    def numpy(self) -> NumpyGenerator:
        """The NumPy generator that draws; made when first used."""
        if self._numpy is None:
            # Imported here since it takes as long as a third of `import dlf`.
            from numpy.random import Generator as NumpyGenerator
            from numpy.random import Philox

            with self._lock:
                if self._numpy is None:
                    self._numpy = NumpyGenerator(Philox(key=self._seed))
        return self._numpy

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
            if self._numpy is not None:
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
        """The state as a uint8 tensor on the CPU."""
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

    def _state(self) -> bytes:
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
        if len(state) != _STATE.size:
            raise RuntimeError(
                f"the state of a generator has {_STATE.size} bytes, got {len(state)}"
            )
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


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Seed the global generator, and return it."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the global generator from the operating system's entropy, and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the global generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the global generator, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the state of the global generator to one that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Iterable[Any] | None = None, enabled: bool = True) -> Iterator[None]:
    """Leave the global generator, after the ``with`` block, as it was before.

    Args:
        devices: accepted as in PyTorch; one generator serves all devices.
        enabled: False makes this do nothing. Default: True.
    """
    if not enabled:
        yield
        return
    before = default_generator._state()
    try:
        yield
    finally:
        default_generator._set_state(before)
