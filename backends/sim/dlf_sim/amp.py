"""What `dlf.autocast` casts on this device."""

from __future__ import annotations

from dlf.amp.lists import GENERAL

__all__ = ["AmpService"]


class AmpService:
    """The lists that core has for accelerators, as a service of this device's own."""

    def __init__(self) -> None:
        self.dtypes = GENERAL.dtypes
        self.default_dtype = GENERAL.default_dtype
        self.lower_precision = GENERAL.lower_precision
        self.float32 = GENERAL.float32
        self.promote = GENERAL.promote
        self.float32_inside = GENERAL.float32_inside
