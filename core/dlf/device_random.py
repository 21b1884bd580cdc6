"""The functions for random numbers of ``dlf.NAME``, for every device type NAME.

They are those of PyTorch's modules of devices. Where the device does not draw by itself, they act
on the global generator, from which its numbers come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import random
from .devices import device as Device
from .devices import resolve
from .errors import DeviceUnavailableError
from .generator import Generator

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["NAMES", "DeviceRandom"]

NAMES = frozenset(
    (
        "default_generators get_rng_state get_rng_state_all initial_seed manual_seed "
        "manual_seed_all seed seed_all set_rng_state set_rng_state_all"
    ).split()
)
"""The names that a module of a device gets from here."""


class DeviceRandom:
    """Seeds and states of the default generators of one device type.

    A device is given as an index, a name or a device; None is the current one.
    """

    def __init__(self, device_type: str) -> None:
        self._type = device_type

    def _generator(self, device: Any = None) -> Generator:
        if isinstance(device, int):
            where = Device(self._type, device)
        else:
            where = Device(self._type if device is None else device)
        if where.type != self._type:
            raise ValueError(f"expected a {self._type} device, but got: {where}")
        return random.default_of(resolve(where))

    @property
    def default_generators(self) -> tuple[Generator, ...]:
        """The default generator of each device of this type."""
        count = resolve(self._type).backend.device_count()
        return tuple(self._generator(index) for index in range(count))

    def manual_seed(self, seed: int) -> None:
        """Seed the current device's generator; does nothing where the type is unavailable, so that
        a program that seeds all there may be runs everywhere."""
        self._seed_each(seed, lambda: (self._generator(),))

    def manual_seed_all(self, seed: int) -> None:
        """Seed the generators of all devices of this type; does nothing where it is unavailable."""
        self._seed_each(seed, lambda: self.default_generators)

    def _seed_each(self, seed: int, generators: Any) -> None:
        try:
            found = generators()
        except DeviceUnavailableError:
            return
        for each in found:
            each.manual_seed(seed)

    def seed(self) -> None:
        """Seed the current device's generator from the operating system's entropy."""
        self._generator().seed()

    def seed_all(self) -> None:
        """Seed all devices' generators with one number from the operating system's entropy."""
        first, *others = self.default_generators
        first.seed()
        for each in others:
            each.manual_seed(first.initial_seed())

    def initial_seed(self) -> int:
        """The seed of the current device's generator."""
        return self._generator().initial_seed()

    def get_rng_state(self, device: Any = None) -> Tensor:
        """The state of a device's generator, a uint8 tensor on the CPU."""
        return self._generator(device).get_state()

    def get_rng_state_all(self) -> list[Tensor]:
        """The states of all devices' generators."""
        return [each.get_state() for each in self.default_generators]

    def set_rng_state(self, new_state: Tensor, device: Any = None) -> None:
        """Let a device's generator go on from a state that `get_rng_state` gave.

        Raises:
            TypeError: `new_state` is not a uint8 tensor.
            RuntimeError: it has not the size of a state.
        """
        self._generator(device).set_state(new_state)

    def set_rng_state_all(self, new_states: Iterable[Tensor]) -> None:
        """Let the devices' generators go on from what `get_rng_state_all` gave."""
        for index, state in enumerate(new_states):
            self._generator(index).set_state(state)
