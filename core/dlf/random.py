"""The default generators of the host and of the devices; draws are in `dlf.draws` and `dlf.ops`.

There is the global one, which the CPU uses and every device that the host draws for, and one for
each index of a device that draws by itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .devices import device as Device
from .devices import resolve
from .generator import Generator, draws_itself, expected

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = [
    "Generator",
    "default_generator",
    "default_of",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "source",
]

default_generator = Generator()
default_generator.seed()

_made: dict[Device, Generator] = {}
# What `manual_seed` says of default generators that are not made yet; None: entropy.
_seed_of_unmade: int | None = None
_lock = threading.RLock()


def default_of(device: Device) -> Generator:
    """The generator from which the ready `device` draws where none is given.

    It is made when first asked for. Of a device that the host draws for it is the global one.
    """
    found = _made.get(device)
    if found is not None:
        return found
    if not draws_itself(device):
        return default_generator
    with _lock:
        found = _made.get(device)
        if found is None:
            found = _seeded(Generator(device))
            _made[device] = found
    return found


def _seeded(generator: Generator) -> Generator:
    """`generator`, seeded as a default one that is made now."""
    if _seed_of_unmade is None:
        generator.seed()
    else:
        generator.manual_seed(_seed_of_unmade)
    return generator


def source(device: Device, generator: Generator | None) -> Generator:
    """The generator for a draw on the ready `device`: `generator`, or the default one.

    Raises:
        TypeError: `generator` is not a `Generator`.
        RuntimeError: it is another device type's.
    """
    if generator is None:
        return default_generator if device.type == "cpu" else default_of(device)
    if not isinstance(generator, Generator):
        raise TypeError(f"generator must be a dlf.Generator, got {type(generator).__name__}")
    if draws_itself(device):
        if generator._offset is None or generator.device.type != device.type:
            raise expected(device.type, generator)
    elif generator._offset is not None:
        raise expected("cpu", generator)
    return generator


def manual_seed(seed: int) -> Generator:
    """Seed the global generator, and return it.

    The default generators of all devices get the same seed.
    """
    global _seed_of_unmade
    default_generator.manual_seed(int(seed))
    with _lock:
        _seed_of_unmade = default_generator.initial_seed()
        for each in _made.values():
            each.manual_seed(_seed_of_unmade)
    return default_generator


def seed() -> int:
    """Seed the global generator from the operating system's entropy, and return the seed.

    The default generators of all devices get the same seed.
    """
    return manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()


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
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, device_type: str | None = None
) -> Iterator[None]:
    """Leave the global generator, after the ``with`` block, as it was before.

    Args:
        devices: the devices whose default generators are left as they were, too: devices, their
            names, or indices. Default: all.
        enabled: False makes this do nothing. Default: True.
        device_type: the type of the devices that indices mean. Default: every type.
    """
    if not enabled:
        yield
        return
    chosen = None if devices is None else [_chooser(one, device_type) for one in devices]
    before, of_unmade = default_generator._state(), _seed_of_unmade
    with _lock:
        states = {device: each._state() for device, each in _made.items()}
    try:
        yield
    finally:
        default_generator._set_state(before)
        _restore(states, of_unmade, chosen)


def _chooser(given: Any, device_type: str | None) -> Callable[[Device], bool]:
    """Whether a device is the one that `given` names."""
    if isinstance(given, int):
        return lambda device: device.index == given and device_type in (None, device.type)
    named = Device(given)
    wanted = resolve(named) if named.index is None else named
    return lambda device: device is wanted


def _restore(
    states: dict[Device, bytes],
    of_unmade: int | None,
    chosen: list[Callable[[Device], bool]] | None,
) -> None:
    """Put the devices' default generators back; those made since begin as they would have."""
    global _seed_of_unmade
    with _lock:
        if chosen is None:
            _seed_of_unmade = of_unmade
        for device, each in _made.items():
            if chosen is not None and not any(means(device) for means in chosen):
                continue
            if device in states:
                each._set_state(states[device])
            elif of_unmade is None:
                each.seed()
            else:
                each.manual_seed(of_unmade)
