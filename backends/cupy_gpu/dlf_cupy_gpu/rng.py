"""Random numbers: the seeds of what is drawn on the cards and of what core draws for them.

Core draws on the host and copies the numbers over. Kernels that draw themselves use Philox, which
needs no state but a place in its sequence: `reserve` gives each launch a part of it of its own.
"""

from __future__ import annotations

import struct
import threading
from typing import Any

import numpy as np

from dlf_cupy_gpu import capture
from dlf_cupy_gpu.devices import index_of

__all__ = ["RngService", "reserve"]

_SEED = 67280421310721
_PLACE = struct.Struct("<2Q")

_lock = threading.Lock()
_places: dict[int, tuple[int, int]] = {}


def reserve(index: int, count: int) -> tuple[int, int]:
    """Seed and first counter of `count` further numbers of card `index`, which no one else gets.

    Counters count fours, as one step of Philox gives four numbers.
    """
    if capture.active():
        raise capture.CaptureError(
            "random numbers were drawn while a step was being captured: every replay would see the "
            "same; draw them outside and give them as an argument"
        )
    with _lock:
        seed, place = _places.get(index, (_SEED, 0))
        _places[index] = seed, place + (count + 3) // 4
    return seed, place


class RngService:
    """Seeds and states, under PyTorch's names."""

    def manual_seed(self, seed: int) -> None:
        """Start the numbers of every card anew, and core's, from which they are drawn as yet."""
        import dlf

        dlf.manual_seed(seed)
        with _lock:
            start = dlf.initial_seed(), 0
            _places.clear()
            for index in range(_count()):
                _places[index] = start

    manual_seed_all = manual_seed

    def seed(self) -> None:
        """Start from the operating system's entropy."""
        import dlf

        self.manual_seed(dlf.seed())

    seed_all = seed

    def initial_seed(self) -> int:
        """The seed that was last set."""
        import dlf

        return dlf.initial_seed()

    def get_rng_state(self, device: Any = None) -> Any:
        """Seed and place of the card, and core's state, as a uint8 tensor on the CPU."""
        import dlf

        with _lock:
            place = _places.get(index_of(device), (_SEED, 0))
        mine = np.frombuffer(_PLACE.pack(*place), np.uint8)
        return dlf.from_numpy(np.concatenate([mine, dlf.get_rng_state().numpy()]))

    def set_rng_state(self, new_state: Any, device: Any = None) -> None:
        """Go on from a state that `get_rng_state` gave.

        Raises:
            RuntimeError: `new_state` has not the size of one.
        """
        import dlf

        held = new_state.detach().cpu().numpy()
        size = _PLACE.size + dlf.get_rng_state().numel()
        if held.nbytes != size:
            raise RuntimeError(f"the state of a cuda generator has {size} bytes, got {held.nbytes}")
        seed, place = _PLACE.unpack(held[: _PLACE.size].tobytes())
        dlf.set_rng_state(dlf.from_numpy(held[_PLACE.size :].copy()))
        with _lock:
            _places[index_of(device)] = seed, place


def _count() -> int:
    from dlf_cupy_gpu import lazy

    return int(lazy.cupy().cuda.runtime.getDeviceCount())
