"""The `--device` option: names checked, unavailable devices refused with their reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import dlf

__all__ = ["device_option", "open_device", "synchronizer"]

device_option = click.option(
    "--device",
    "where",
    default="cpu",
    show_default=True,
    metavar="DEVICE",
    help="TYPE or TYPE:INDEX.",
)


def open_device(where: str) -> dlf.device:
    """The ready device `where`.

    Raises UnknownNameError, or DeviceUnavailableError with the probe's reason, or UsageError for a
    malformed name or an index that does not exist.
    """
    from dlf.devices import resolve
    from dlf.errors import DlfError

    try:
        return resolve(where)
    except DlfError:
        raise
    except RuntimeError as error:
        raise click.UsageError(str(error)) from error


def synchronizer(device: dlf.device) -> Callable[[], Any]:
    """The function that waits until all that was started on `device` is done."""
    import dlf

    found = getattr(getattr(dlf, device.type, None), "synchronize", None)
    return (lambda: found(device)) if callable(found) else lambda: None
