"""`save` and `load`: nested containers of tensors in a safetensors file.

The file is a valid safetensors file (https://github.com/huggingface/safetensors, "Format"): eight
bytes with the header's length, a JSON header, then the tensors' bytes. What safetensors has no
place for (nesting, numbers, strings, flags) stands as JSON in the header's ``__metadata__``.
Loading runs no code from the file.
"""

from __future__ import annotations

import base64
import json
import math
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import numpy.typing as npt

import dlf
from dlf import dtypes
from dlf.devices import device as Device
from dlf.errors import UnsafeFileError
from dlf.size import Size
from dlf.tensor import Tensor

__all__ = ["load", "save"]

Array = npt.NDArray[Any]
Path = str | os.PathLike[str]
MapLocation = str | Device | dict[str, str] | Callable[[Tensor, str], Tensor | None] | None

_VERSION = 1
_TREE = "dlf"
# A header beyond this is refused, as safetensors does; it also stops a random first word from
# filling the memory.
_MAX_HEADER = 100_000_000
_CODES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "float16": "F16",
    "bfloat16": "BF16",
    "uint32": "U32",
    "int32": "I32",
    "float32": "F32",
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
}
_NAMES = {code: name for name, code in _CODES.items()}
# Complex numbers are stored as pairs, which every reader of safetensors knows.
_PAIRS = {"complex64": "float32", "complex128": "float64"}


def _numpy_dtype(name: str) -> np.dtype[Any]:
    if name in ("uint16", "uint32", "uint64"):
        return np.dtype(name)
    dtype: np.dtype[Any] = getattr(dtypes, name).numpy
    return np.dtype(dtype)


# ---------------------------------------------------------------------- save


def save(obj: Any, f: Path | IO[bytes]) -> None:
    """Write `obj` to a file.

    Args:
        obj: tensors, parameters, NumPy arrays, numbers, strings, bytes, None, dtypes, devices,
            sizes, and dicts, OrderedDicts, lists, tuples and sets of these; state dicts of modules,
            optimizers and schedulers are such. A dict's keys may be strings, numbers, bools, None
            or tuples of them.
        f: a path, or a binary file open for writing. A path is replaced at once when all is
            written, so that a crash leaves the old file.

    A tensor that occurs twice is stored once and shared again after loading. Views are stored on
    their own.

    Raises:
        TypeError: `obj` holds something else; the message says where.
        ValueError: `obj` contains itself.
    """
    writer = _Writer()
    tree = writer.encode(obj, ())
    metadata = {"format": "dlf", "dlf_version": str(_VERSION), _TREE: _dump(tree)}
    header: dict[str, Any] = {"__metadata__": metadata}
    # The widest come first, so that each tensor's bytes are aligned for its dtype.
    names = sorted(writer.arrays, key=lambda n: -writer.arrays[n][1].itemsize)
    end = 0
    for name in names:
        code, array, shape = writer.arrays[name]
        header[name] = {
            "dtype": code,
            "shape": list(shape),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    head = _dump(header).encode()
    head += b" " * (-len(head) % 8)
    with _opened(f) as out:
        out.write(len(head).to_bytes(8, "little"))
        out.write(head)
        for name in names:
            array = writer.arrays[name][1]
            if array.nbytes:
                out.write(array.reshape(-1).view(np.uint8).data)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


Where = tuple[str, ...]


class _Writer:
    """Turns an object into a JSON tree and a table of arrays: name to (code, array, shape)."""

    def __init__(self) -> None:
        self.arrays: dict[str, tuple[str, Array, tuple[int, ...]]] = {}
        self._known: dict[int, str] = {}
        self._open: set[int] = set()

    def encode(self, obj: Any, where: Where) -> Any:
        if obj is None or isinstance(obj, bool):
            return obj
        if isinstance(obj, int):
            return int(obj)
        if isinstance(obj, float):
            return float(obj) if math.isfinite(obj) else {"float": str(float(obj))}
        if isinstance(obj, str):
            return _text(obj)
        if isinstance(obj, Tensor):
            return self._tensor(obj, where)
        if isinstance(obj, np.ndarray):
            return {"array": self._store(obj, obj, where)}
        if isinstance(obj, complex):
            return {"complex": [repr(obj.real), repr(obj.imag)]}
        if isinstance(obj, (bytes, bytearray)):
            return {"bytes": base64.b64encode(obj).decode()}
        if isinstance(obj, dtypes.dtype):
            return {"dtype": obj.name}
        if isinstance(obj, Device):
            return {"device": str(obj)}
        if isinstance(obj, Size):
            return {"size": list(obj)}
        if isinstance(obj, (dict, list, tuple, set, frozenset)):
            return self._container(obj, where)
        raise TypeError(
            "dlf.save: cannot write a "
            f"{type(obj).__module__}.{type(obj).__qualname__}{_at(where)}; tensors, arrays, "
            "numbers, strings, bytes, None and dicts, lists, tuples and sets of these can be "
            "written. For a module or an optimizer, save its state_dict()"
        )

    def _container(self, obj: Any, where: Where) -> Any:
        if id(obj) in self._open:
            raise ValueError(f"dlf.save: a {type(obj).__name__} contains itself{_at(where)}")
        self._open.add(id(obj))
        try:
            if isinstance(obj, dict):
                return self._dict(obj, where)
            items = [self.encode(v, (*where, str(i))) for i, v in enumerate(obj)]
            if isinstance(obj, list):
                return items
            kind = "tuple" if isinstance(obj, tuple) else "frozenset"
            return {"set" if isinstance(obj, set) else kind: items}
        finally:
            self._open.discard(id(obj))

    def _dict(self, obj: dict[Any, Any], where: Where) -> Any:
        kind = "ordered" if isinstance(obj, OrderedDict) else "dict"
        return {
            kind: [
                [
                    self._key(k, where),
                    self.encode(v, (*where, k if isinstance(k, str) else repr(k))),
                ]
                for k, v in obj.items()
            ]
        }

    def _key(self, key: Any, where: Where) -> Any:
        plain = (str, bool, int, float, complex, bytes, type(None), dtypes.dtype)
        parts = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(p, plain) for p in parts):
            raise TypeError(
                f"dlf.save: cannot write a dict key of type {type(key).__name__}{_at(where)}"
            )
        return self.encode(key, where)

    def _tensor(self, tensor: Tensor, where: Where) -> Any:
        known = self._known.get(id(tensor))
        if known is None:
            host = tensor.device.backend.to_host(tensor._data)
            known = self._known[id(tensor)] = self._store(host, tensor, where)
        node: dict[str, Any] = {"tensor": known, "device": str(tensor.device)}
        if tensor.dtype.is_complex:
            node["complex"] = True
        if tensor.requires_grad:
            node["requires_grad"] = True
        if _is_parameter(tensor):
            node["parameter"] = True
        return node

    def _store(self, host: Array, owner: Any, where: Where) -> str:
        """Put an array into the table; the object it belongs to is kept alive by the caller's
        tree."""
        dtype = host.dtype.name
        shape = host.shape
        if dtype in _PAIRS:
            host = np.asarray(host, order="C")
            host = host.reshape(-1).view(_PAIRS[dtype]).reshape(*shape, 2)
            dtype, shape = _PAIRS[dtype], (*shape, 2)
        if dtype not in _CODES:
            raise TypeError(
                f"dlf.save: cannot write {type(owner).__name__} of dtype {host.dtype}{_at(where)}"
            )
        host = np.asarray(host, order="C")
        if sys.byteorder == "big" or host.dtype.byteorder == ">":
            host = host.astype(host.dtype.newbyteorder("<"))
        name = base = _text_name(".".join(where) or "tensor")
        n = 1
        while name in self.arrays:
            n += 1
            name = f"{base}#{n}"
        self.arrays[name] = (_CODES[dtype], host, shape)
        return name


def _is_parameter(tensor: Tensor) -> bool:
    if type(tensor) is Tensor:
        return False
    from dlf.nn import Parameter

    return isinstance(tensor, Parameter)


def _text(s: str) -> Any:
    # A lone surrogate, as in a file name that is no UTF-8, has no place in a JSON file.
    try:
        s.encode()
    except UnicodeEncodeError:
        return {"surrogates": base64.b64encode(s.encode("utf-8", "surrogatepass")).decode()}
    return str(s)


def _text_name(name: str) -> str:
    clean = name.encode("utf-8", "replace").decode()
    return "_" + clean if clean == "__metadata__" else clean


def _at(where: Where) -> str:
    return f" at {'.'.join(where)}" if where else ""


@contextmanager
def _opened(f: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """`f` if it is a file; for a path, a new file beside it that takes its place when all went
    well."""
    if not isinstance(f, (str, os.PathLike)):
        yield f
        return
    # The target of a link is replaced, not the link.
    path = os.path.realpath(os.fspath(f))
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as special:
            yield special
        return
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        if os.path.exists(path):
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


# ---------------------------------------------------------------------- load


def load(f: Path | IO[bytes], map_location: MapLocation = None, mmap: bool = False) -> Any:
    """Read what `save` wrote, or any safetensors file (as a dict of tensors).

    Args:
        f: a path, or a binary file open for reading and seeking.
        map_location: where tensors go: a device, a dict from saved to wanted devices, or a function
            of (tensor on the CPU, name of its saved device) that gives a tensor, or None for the
            saved device. Default: the device they were saved from.
        mmap: leave the bytes in the file (a path) until they are used; writing to such a tensor
            changes memory only.

    Raises:
        UnsafeFileError: the file is damaged, cut short, or of another format, such as a pickle.
        FileNotFoundError: there is no such file.
        DeviceUnavailableError, UnknownNameError: a tensor's saved device is not here; give
            `map_location`.
    """
    if not isinstance(f, (str, os.PathLike)):
        if mmap:
            raise ValueError("dlf.load: mmap=True needs a path, got an open file")
        return _read(f, "the file", map_location, None)
    path = os.fspath(f)
    with open(path, "rb") as file:
        return _read(file, f"'{path}'", map_location, path if mmap else None)


def _read(file: IO[bytes], told: str, map_location: MapLocation, mapped: str | None) -> Any:
    begin = file.tell()
    file.seek(0, os.SEEK_END)
    size = file.tell() - begin
    file.seek(begin)
    header, start = _header(file, size, told)
    metadata = header.pop("__metadata__", {})
    entries = _entries(header, size - start, told)
    buffers: dict[str, Array] = {}
    whole = None
    if mapped is not None and size > start:
        whole = np.memmap(mapped, np.uint8, "c", start)
    for name, (dtype, shape, low, high) in entries.items():
        if whole is not None:
            raw: Array = np.asarray(whole[low:high])
        else:
            raw = np.empty(high - low, np.uint8)
            if _fill(file, raw) != high - low:
                raise UnsafeFileError(f"{told} is cut short: the data of '{name}' ends too early")
        if sys.byteorder == "big":
            raw = raw.view(dtype.newbyteorder("<")).astype(dtype).view(np.uint8)
        if raw.ctypes.data % dtype.alignment:
            raw = raw.copy()
        buffers[name] = raw.view(dtype).reshape(shape)
    reader = _Reader(buffers, told, map_location)
    tree = metadata.get(_TREE)
    if tree is None:
        return {name: reader.tensor({"tensor": name}) for name in header}
    if metadata.get("dlf_version") != str(_VERSION):
        raise UnsafeFileError(
            f"{told} is of version {metadata.get('dlf_version')} of dlf's format; this dlf reads "
            f"version {_VERSION}"
        )
    return reader.decode(_parse(tree, told))


def _fill(file: IO[bytes], raw: Array) -> int:
    view: memoryview = raw.data
    done = 0
    into: Callable[[memoryview], int] | None = getattr(file, "readinto", None)
    while done < len(view):
        if into is not None:
            n = into(view[done:])
        else:
            piece = file.read(len(view) - done)
            n = len(piece)
            view[done : done + n] = piece
        if not n:
            break
        done += n
    return done


_FOREIGN = (
    (b"PK\x03\x04", "a zip archive, as torch.save and numpy.savez write"),
    (b"\x80\x02", "a pickle"),
    (b"\x80\x03", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
    (b"\x93NUMPY", "a NumPy array file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"GGUF", "a GGUF file"),
)
_ADVICE = (
    "dlf.load reads safetensors files only and never unpickles, as a pickle can run any code. "
    "Where the file is from and trusted, read it with the library that wrote it, and write its "
    "tensors with dlf.save or safetensors.numpy.save_file"
)


def _header(file: IO[bytes], size: int, told: str) -> tuple[dict[str, Any], int]:
    first = file.read(9)
    length = int.from_bytes(first[:8], "little")
    ours = length <= _MAX_HEADER and first[8:9] == b"{"
    for magic, kind in _FOREIGN:
        # A header of 640 bytes starts as a pickle does, with 80 02.
        if not ours and first.startswith(magic):
            raise UnsafeFileError(f"{told} is {kind}, not a file of dlf.save. {_ADVICE}")
    if len(first) < 8:
        raise UnsafeFileError(
            f"{told} is cut short or empty: it has {len(first)} bytes, the header alone needs more"
        )
    if not ours:
        what = "it does not start with a safetensors header"
        if length <= _MAX_HEADER and length > size - 8:
            what = "it is cut short within its header"
        raise UnsafeFileError(f"{told} is not a file of dlf.save: {what}. {_ADVICE}")
    if length > size - 8:
        raise UnsafeFileError(
            f"{told} is cut short: its header has {length} bytes, the file {size} in all"
        )
    header = _parse(first[8:9] + _exactly(file, length - 1, told), told)
    if not isinstance(header, dict):
        raise _damaged(told, "its header is no JSON object")
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _damaged(told, "its __metadata__ is no table of strings")
    return header, 8 + length


def _exactly(file: IO[bytes], count: int, told: str) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise UnsafeFileError(f"{told} is cut short within its header")
    return data


def _damaged(told: str, what: str) -> UnsafeFileError:
    return UnsafeFileError(f"{told} is damaged: {what}")


def _parse(text: str | bytes, told: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice")
        return found

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(told, f"its header cannot be read ({error})") from None


Entry = tuple[np.dtype[Any], tuple[int, ...], int, int]


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _entries(header: dict[str, Any], room: int, told: str) -> dict[str, Entry]:
    """The header's tensors in the order of their bytes, checked to fill the data without gap or
    overlap."""
    entries: dict[str, Entry] = {}
    for name, info in header.items():
        if not isinstance(info, dict):
            raise _damaged(told, f"the entry of '{name}' is no JSON object")
        shape, offsets, code = info.get("shape"), info.get("data_offsets"), info.get("dtype")
        if not (isinstance(shape, list) and all(map(_count, shape)) and len(shape) <= 64):
            raise _damaged(told, f"'{name}' has the shape {shape}")
        if not (isinstance(offsets, list) and len(offsets) == 2 and all(map(_count, offsets))):
            raise _damaged(told, f"'{name}' has the offsets {offsets}")
        if not isinstance(code, str) or code not in _NAMES:
            raise UnsafeFileError(f"{told}: '{name}' has the dtype {code}, which dlf does not have")
        dtype = _numpy_dtype(_NAMES[code])
        low, high = offsets
        if high - low != math.prod(shape) * dtype.itemsize:
            raise _damaged(
                told, f"'{name}' of shape {shape} and dtype {code} has {high - low} bytes"
            )
        if high > room:
            raise UnsafeFileError(
                f"{told} is cut short: '{name}' ends at byte {high} of the data, which has {room} "
                "bytes"
            )
        entries[name] = (dtype, tuple(shape), low, high)
    entries = dict(sorted(entries.items(), key=lambda e: e[1][2:]))
    end = 0
    for name, (_, _, low, high) in entries.items():
        if low != end:
            raise _damaged(told, f"the bytes of '{name}' start at {low}, those before end at {end}")
        end = high
    if end != room:
        raise _damaged(told, f"it has {room} bytes of data, its tensors fill {end}")
    return entries


class _PlacingError(Exception):
    """Carries an error of a device, or of the caller's `map_location`, past the checks of the
    file."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class _Reader:
    """Rebuilds the object from its JSON tree and the arrays."""

    def __init__(self, arrays: dict[str, Array], told: str, map_location: MapLocation) -> None:
        self._arrays = arrays
        self._told = told
        self._map = map_location
        self._made: dict[str, Tensor] = {}

    def decode(self, node: Any) -> Any:
        try:
            return self._decode(node)
        except _PlacingError as error:
            raise error.cause from None
        except UnsafeFileError:
            raise
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            RecursionError,
        ) as error:
            raise _damaged(self._told, f"its structure cannot be read ({error!r})") from error

    def _decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "tensor" in node:
            return self.tensor(node)
        if len(node) != 1:
            raise KeyError(f"an entry with the keys {', '.join(node)}")
        ((kind, content),) = node.items()
        return _KINDS[kind](self, content)

    def _array(self, name: Any) -> Array:
        if name not in self._arrays:
            raise _damaged(self._told, f"it names a tensor '{name}' that it does not hold")
        return self._arrays[name]

    def tensor(self, node: dict[str, Any]) -> Tensor:
        name = node["tensor"]
        if name in self._made:
            return self._made[name]
        array = self._array(name)
        if node.get("complex"):
            array = _join(array)
        if array.dtype.name in ("uint16", "uint32", "uint64"):
            raise UnsafeFileError(
                f"{self._told}: '{name}' has the dtype {array.dtype}, which dlf does not have"
            )
        tensor = self._place(dlf.from_numpy(array), node.get("device", "cpu"))
        if node.get("parameter"):
            from dlf.nn import Parameter

            tensor = Parameter(tensor, bool(node.get("requires_grad")))
        elif node.get("requires_grad"):
            tensor.requires_grad_()
        self._made[name] = tensor
        return tensor

    def _place(self, tensor: Tensor, saved: str) -> Tensor:
        try:
            return self._moved(tensor, saved)
        except Exception as error:
            raise _PlacingError(error) from error

    def _moved(self, tensor: Tensor, saved: str) -> Tensor:
        where: Any = self._map
        if isinstance(where, dict):
            where = where.get(saved, saved)
        elif callable(where) and not isinstance(where, Device):
            moved: Tensor | None = where(tensor, saved)
            if moved is not None:
                return moved
            where = saved
        elif where is None:
            where = saved
        try:
            return tensor.to(where)
        except Exception as error:
            if self._map is None:
                error.add_note(
                    f"{self._told} was saved from device {saved}; dlf.load(..., "
                    "map_location='cpu') loads it elsewhere"
                )
            raise

    def _pairs(self, content: Any) -> Iterator[tuple[Any, Any]]:
        for key, value in content:
            yield self._decode(key), self._decode(value)


def _join(array: Array) -> Array:
    wide = {np.dtype(np.float32): np.complex64, np.dtype(np.float64): np.complex128}[array.dtype]
    return array.view(wide).reshape(array.shape[:-1])


_KINDS: dict[str, Callable[[_Reader, Any], Any]] = {
    "dict": lambda r, c: dict(r._pairs(c)),
    "ordered": lambda r, c: OrderedDict(r._pairs(c)),
    "tuple": lambda r, c: tuple(r._decode(v) for v in c),
    "set": lambda r, c: {r._decode(v) for v in c},
    "frozenset": lambda r, c: frozenset(r._decode(v) for v in c),
    "float": lambda r, c: {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[c],
    "complex": lambda r, c: complex(float(c[0]), float(c[1])),
    "bytes": lambda r, c: base64.b64decode(c, validate=True),
    "surrogates": lambda r, c: base64.b64decode(c, validate=True).decode("utf-8", "surrogatepass"),
    "dtype": lambda r, c: _dtype_named(c),
    "device": lambda r, c: Device(c),
    "size": lambda r, c: Size(c),
    "array": lambda r, c: r._array(c),
}


def _dtype_named(name: str) -> dtypes.dtype:
    """The dtype called `name`; KeyError if there is none."""
    found = getattr(dtypes, name, None)
    if not isinstance(found, dtypes.dtype):
        raise KeyError(f"no dtype is called {name}")
    return found
