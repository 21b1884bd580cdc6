"""`Registry`: all ops by slot and by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .op import Op

__all__ = ["Registry", "registry"]


class Registry:
    """All ops, in slot order; a device's table has one kernel for each."""

    def __init__(self) -> None:
        self._ops: list[Op] = []
        self._by_name: dict[str, Op] = {}
        # Filled tables follow what is registered, or taken back, after them.
        self.listeners: list[Callable[[Op], None]] = []
        self.removed: list[Callable[[Op], None]] = []

    def add(self, op: Op) -> Op:
        """Register `op` and give it its slot; ValueError for a name that is taken."""
        if op.name in self._by_name:
            raise ValueError(f"op '{op.name}' is already registered")
        op.slot = len(self._ops)
        self._ops.append(op)
        self._by_name[op.name] = op
        for listener in self.listeners:
            listener(op)
        return op

    def remove(self, op: Op) -> None:
        """Take back the op registered last (the roll-back of a plugin that failed half-way)."""
        if self._ops[-1] is not op:
            raise ValueError(f"op '{op.name}' is not the one registered last")
        self._ops.pop()
        del self._by_name[op.name]
        for listener in self.removed:
            listener(op)

    def __iter__(self) -> Iterator[Op]:
        return iter(self._ops)

    def __len__(self) -> int:
        return len(self._ops)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Op:
        try:
            return self._by_name[name]
        except KeyError:
            from ..errors import UnknownNameError

            raise UnknownNameError.of("op", name, self._by_name) from None


registry = Registry()
