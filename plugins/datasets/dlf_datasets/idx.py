"""Reader of IDX files, the format of MNIST and its kin (http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dlf.errors import UnsafeFileError

__all__ = ["read_idx"]

_GZIP = b"\x1f\x8b"
_UBYTE = 0x08
_MOST_BYTES = 1 << 32


def read_idx(path: Path, ndim: int) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, compressed by gzip or not.

    Args:
        path: the file; its first bytes tell whether it is compressed, not its name.
        ndim: the number of dimensions it must have: 3 for images, 1 for labels.

    Raises:
        UnsafeFileError: the file is cut short, too long, damaged, or not an IDX file of that kind.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            shape = _shape(path, file.read(4 + 4 * ndim), ndim)
            size = math.prod(shape)
            # One byte more than promised shows that there is more, whatever the file unpacks to.
            body = file.read(size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnsafeFileError(f"{path}: damaged or cut-short gzip file ({error})") from error
    if len(body) != size:
        found = f"{len(body):,}" if len(body) < size else "more"
        raise UnsafeFileError(
            f"{path}: the header promises {size:,} bytes for shape {shape}, the file has {found}; "
            "get it again"
        )
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _shape(path: Path, header: bytes, ndim: int) -> tuple[int, ...]:
    """Check the header and give the shape it names."""
    magic = bytes((0, 0, _UBYTE, ndim))
    if header[:4] != magic:
        raise UnsafeFileError(
            f"{path}: not an IDX file of {ndim}-dimensional unsigned bytes: it starts with "
            f"{header[:4].hex() or 'nothing'}, expected {magic.hex()}"
        )
    if len(header) != 4 + 4 * ndim:
        raise UnsafeFileError(
            f"{path}: cut short in its header ({len(header)} of {4 + 4 * ndim} bytes)"
        )
    shape = struct.unpack(f">{ndim}I", header[4:])
    if math.prod(shape) > _MOST_BYTES:
        raise UnsafeFileError(f"{path}: its header names the shape {shape}, which cannot be right")
    return shape
