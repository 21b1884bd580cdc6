"""Launching kernels: shapes are found without the data, the data is computed later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dlf_sim import capture
from dlf_sim.handle import Buffer, SimArray, buffer_of
from dlf_sim.streams import Stream, current_stream, report

__all__ = ["assign", "late", "launched", "made", "to_index"]

Array = npt.NDArray[Any]
Kernel = Callable[..., Any]
Form = tuple[tuple[int, ...], np.dtype[Any]]

# These look up by an integer array, whose stand-in must hold places that exist.
_INDEXED = frozenset({"take", "gather", "scatter", "scatter_add", "index_add", "index_copy"})
_KNOWN_LIMIT = 4096


def launched(name: str, kernel: Kernel) -> Kernel:
    """`kernel` over NumPy arrays as one over `SimArray`s that is queued on the current stream."""
    known: dict[Any, Any] = {}

    def launch(*args: Any) -> Any:
        buffers = _buffers(args)
        index = _device(name, buffers) if buffers else int(args[-1])
        if name == "nonzero":  # Its result's shape depends on the data, so its caller waits.
            result = kernel(*_replaced(args, Buffer.wait))
            return _finished(result, index)
        key = _key(args)
        if key not in known:
            if len(known) >= _KNOWN_LIMIT:
                known.clear()
            known[key] = _forms(name, kernel, args)
        forms = known[key]
        single = not isinstance(forms, list)
        results = [Buffer(shape, dtype, index) for shape, dtype in ([forms] if single else forms)]
        _queue(index, buffers, results, lambda: kernel(*_replaced(args, Buffer.read)))
        handles = tuple(SimArray(buffer) for buffer in results)
        return handles[0] if single else handles

    return launch


def assign(dst: SimArray, src: SimArray) -> None:
    """Queue the copy of `src` into `dst`."""
    target, source = buffer_of(dst), buffer_of(src)
    index = _device("assign", [target, source])
    np.broadcast_shapes(target.shape, source.shape)

    def work() -> None:
        np.copyto(target.read(), source.read())

    stream = current_stream(index)
    for buffer in (target, source):
        stream.check(buffer.writer, buffer.position)
    late(stream, work, [target])


def to_index(a: SimArray, index: int) -> SimArray:
    """Queue a copy of `a` on device `index`, between what is queued on both devices now and later.

    The streams wait for one another: that of `a`'s device too, or it would write `a` too early.
    """
    capture.refuse("a tensor was copied to another device")
    source = buffer_of(a)
    giving, taking = current_stream(source.index), current_stream(index)
    giving.check(source.writer, source.position)
    made = Buffer(source.shape, source.dtype, index)

    def work() -> None:
        made.array = source.read().copy()

    taking.wait_stream(giving)
    late(taking, work, [made])
    giving.wait_stream(taking)
    return SimArray(made)


def late(
    stream: Stream, work: Callable[[], None], results: list[Buffer], index: int | None = None
) -> None:
    """Queue `work`, which writes `results`; its error is theirs, and that of their device.

    `index`: the device, where there are no results.
    """
    where = results[0].index if index is None else index
    for buffer in results:
        buffer.writer, buffer.position = stream, stream.queued + 1
    stream.enqueue(lambda: _guarded(work, results, where))


def made(compute: Callable[[], Array], shape: tuple[int, ...], dtype: Any, index: int) -> SimArray:
    """An array of device `index` whose contents `compute`, which reads no other, gives later."""
    result = Buffer(shape, dtype, index)
    _queue(index, [], [result], compute)
    return SimArray(result)


def _finished(array: Array, index: int) -> SimArray:
    buffer = Buffer(array.shape, array.dtype, index)
    buffer.array = array
    return SimArray(buffer)


def _queue(index: int, inputs: list[Buffer], results: list[Buffer], compute: Kernel) -> None:
    stream = current_stream(index)
    for buffer in inputs:
        stream.check(buffer.writer, buffer.position)

    def work() -> None:
        values = compute()
        for buffer, value in zip(
            results, values if isinstance(values, tuple) else (values,), strict=True
        ):
            # A view would let later writes through; a device without views has none.
            buffer.array = value if value.flags.owndata and value.flags.writeable else value.copy()
            if any(buffer.array is one.array for one in inputs):
                buffer.array = buffer.array.copy()

    late(stream, work, results)


def _guarded(work: Callable[[], None], results: list[Buffer], index: int) -> None:
    try:
        work()
    except Exception as error:
        for buffer in results:
            buffer.error = error
        report(index, error)


def _buffers(args: tuple[Any, ...]) -> list[Buffer]:
    found = []
    for arg in args:
        if isinstance(arg, SimArray):
            found.append(buffer_of(arg))
        elif isinstance(arg, tuple):
            found.extend(buffer_of(a) for a in arg if isinstance(a, SimArray))
        elif isinstance(arg, np.ndarray):
            raise TypeError(
                "a host array was given to a kernel of sim: go through the backend's from_host"
            )
    return found


def _device(name: str, buffers: list[Buffer]) -> int:
    indices = {buffer.index for buffer in buffers}
    if len(indices) > 1:
        raise RuntimeError(
            f"Expected all tensors to be on the same device: {name} was given arrays of "
            + " and ".join(f"sim:{index}" for index in sorted(indices))
        )
    return indices.pop()


def _replaced(args: tuple[Any, ...], by: Callable[[Buffer], Any]) -> list[Any]:
    def value(arg: Any) -> Any:
        if isinstance(arg, SimArray):
            return by(buffer_of(arg))
        if isinstance(arg, tuple) and any(isinstance(a, SimArray) for a in arg):
            return tuple(value(a) for a in arg)
        return arg

    return [value(arg) for arg in args]


def _key(args: tuple[Any, ...]) -> Any:
    # Types and representations, as 1, 1.0 and True, or 0.0 and -0.0, are equal keys.
    def part(arg: Any) -> Any:
        if isinstance(arg, SimArray):
            return arg.shape, buffer_of(arg).dtype
        if isinstance(arg, tuple):
            return tuple(part(a) for a in arg)
        return type(arg), repr(arg)

    return tuple(part(arg) for arg in args)


def _forms(name: str, kernel: Kernel, args: tuple[Any, ...]) -> Any:
    """Shape and dtype of each result, from running the kernel on stand-ins of no memory."""
    if name == "matmul":  # NumPy multiplies arrays without strides slowly.
        a, b = buffer_of(args[0]), buffer_of(args[1])
        if a.shape[-1] != b.shape[-2]:
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({a.shape} and {b.shape})"
            )
        return (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype

    def stand_in(buffer: Buffer) -> Array:
        place = name in _INDEXED and buffer is index
        return np.broadcast_to(np.asarray(0 if place else 1, buffer.dtype), buffer.shape)

    index = buffer_of(args[1]) if name in _INDEXED else None
    result = kernel(*_replaced(args, stand_in))
    if isinstance(result, tuple):
        return [(r.shape, r.dtype) for r in result]
    return result.shape, result.dtype
