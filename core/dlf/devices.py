"""Devices: interned (type, index) pairs, each with its table of kernels."""

from __future__ import annotations

from threading import RLock, local
from typing import Any, ClassVar

__all__ = ["device", "get_default_device", "resolve", "set_default_device"]

_lock = RLock()


class device:
    """Where a tensor lives: ``device("cpu")``, ``device("sim:1")``, ``device("sim", 1)``.

    In a ``with`` block it is this thread's default device. Devices are interned, so that ``is``
    compares them. `table` holds the kernels by op slot and is filled when the device is first used;
    `views` says whether movement ops alias their input there, and `checks` whether the values of
    indices are looked at before they are used.
    """

    __slots__ = ("__weakref__", "backend", "checks", "index", "origins", "table", "type", "views")

    type: str
    index: int | None
    table: list[Any]  # a kernel for each op, or None where the op is to be decomposed
    views: bool
    checks: bool
    backend: Any
    origins: list[Any]
    _known: ClassVar[dict[tuple[str, int | None], device]] = {}

    def __new__(cls, type: str | device, index: int | None = None) -> device:
        if isinstance(type, device):
            return type
        if not isinstance(type, str):
            raise _no_type(type)
        name, colon, tail = type.partition(":")
        if colon:
            if index is not None:
                raise RuntimeError(f"device({type!r}, {index}): the index is given twice")
            if not tail.isdigit():
                raise RuntimeError(f"invalid device string {type!r}: expected TYPE or TYPE:INDEX")
            index = int(tail)
        if not name.isidentifier() or (index is not None and index < 0):
            raise RuntimeError(
                f"invalid device {type!r} with index {index}: expected TYPE or TYPE:INDEX"
            )
        key = (name, index)
        found = cls._known.get(key)
        if found is None:
            with _lock:
                found = cls._known.get(key)
                if found is None:
                    found = object.__new__(cls)
                    found.type, found.index = name, index
                    found.table, found.views, found.backend, found.origins = [], False, None, []
                    found.checks = True
                    cls._known[key] = found
        return found

    def put(self, host: Any, dtype: Any) -> Any:
        """A new array of this device, of dtype `dtype` and with the values of a NumPy array.

        TypeError for a dtype that the backend does not claim to store.
        """
        backend = self.backend
        if dtype.name not in backend.caps.dtypes:
            from .claims import check_stored

            check_stored(self, dtype)
        return backend.from_host(host, dtype, self.index or 0)

    def __enter__(self) -> device:
        inside = resolve(self)  # First, as it may raise.
        _state.before = (*_state.before, _state.default)
        _state.default = inside
        return self

    def __exit__(self, *error: object) -> None:
        *rest, _state.default = _state.before
        _state.before = tuple(rest)

    def __repr__(self) -> str:
        tail = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{tail})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __copy__(self) -> device:
        return self

    def __deepcopy__(self, memo: Any) -> device:
        return self


def _no_type(given: Any) -> Exception:
    if isinstance(given, int) and not isinstance(given, bool):
        return RuntimeError(
            f"device({given}): give a device type as well, as in device('cpu', {given})"
        )
    return TypeError(f"device(): expected a string such as 'cpu' or 'sim:0', got {given!r}")


cpu = device("cpu")
_current_index: dict[str, int] = {}


class _State(local):
    default: device = cpu
    before: tuple[device, ...] = ()  # The defaults outside of the ``with`` blocks that are open.


_state = _State()


def resolve(where: str | device | None = None) -> device:
    """The concrete, ready device for `where` (None: the default one), its kernel table filled.

    Raises UnknownNameError for a type nobody registered, DeviceUnavailableError with the probe's
    reason, and RuntimeError for an index that does not exist.
    """
    d = _state.default if where is None else device(where)
    if d.table:
        return d
    if d.type == "cpu":
        if d.index:
            raise RuntimeError(
                f"invalid device index {d.index}: there is one cpu device, of index 0"
            )
        d = cpu
    elif d.index is None:
        d = device(d.type, _current_index.get(d.type, 0))
    if not d.table:
        from . import dispatch

        with _lock:
            if not d.table:
                dispatch.prepare(d)
    return d


def get_default_device() -> device:
    """The device on which factory functions create tensors when none is given."""
    return _state.default


def set_default_device(where: str | device | None) -> None:
    """Make `where` (None: the CPU) the device of tensors that this thread creates without one."""
    _state.default = cpu if where is None else resolve(where)
