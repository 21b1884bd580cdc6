"""Freed memory kept for the next array.

By default the GNU C library gives the memory of a freed large array back to the system, which must
then clear and map every page of the next one anew: some 0.3 microseconds a kilobyte, which is more
than most kernels take for it. A training step allocates and frees the same sizes again and again.
"""

from __future__ import annotations

import os

__all__ = ["keep_freed"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # Names of malloc.h.
_KEPT = 512 << 20
_LARGEST = 32 << 20  # The greatest that the library takes.


def keep_freed() -> bool:
    """Let the process keep up to 512 MiB of freed memory; whether that could be set.

    Only the GNU C library has the setting. It is the user's where an environment variable
    ``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_`` or ``GLIBC_TUNABLES`` is set.
    """
    if any(
        name in os.environ
        for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    ):
        return False
    try:
        import ctypes

        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  # another library's mallopt may mean other things
        mallopt = library.mallopt
    except (ImportError, OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _KEPT)) and bool(mallopt(_MMAP_THRESHOLD, _LARGEST))
