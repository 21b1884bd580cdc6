"""`dlf doctor`: what this installation has to work with, on one page."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

import click

from dlf_cli.console import print_json, say, table
from dlf_cli.probes import ask_hooks, backend_rows, plugin_rows

__all__ = ["doctor"]

SWITCHES = {
    "DLF_PLUGINS": "the only plugins to load",
    "DLF_DISABLE_PLUGINS": "plugins not to load",
    "DLF_STRICT_PLUGINS": "1: a broken plugin is an error",
    "DLF_PROBE": "inline: native backends are not probed in a child process first",
    "DLF_PROBE_TIMEOUT": "seconds that such a child may take, 20 unless set",
    "DLF_FALLBACK": "error, warn or allow: ops a device lacks run on the host",
    "DLF_KERNELS": "overlays switched off, as in -NAME",
    "DLF_DATA": "folder of datasets that are not shipped",
    "OMP_NUM_THREADS": "threads of OpenMP and most BLAS",
    "OPENBLAS_NUM_THREADS": "threads of OpenBLAS",
    "MKL_NUM_THREADS": "threads of MKL",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check Python, NumPy, BLAS, plugins, switches and devices. Status 1 if no device works."""
    # Hooks and probes may change a plugin's state, so they come first.
    ask_hooks(context)
    devices = backend_rows()
    report: dict[str, Any] = {
        "system": _system(),
        "plugins": plugin_rows(),
        "switches": {name: os.environ.get(name) for name in SWITCHES},
        "devices": devices,
    }
    working = [row["device"] for row in devices if row["state"] == "ok"]
    if as_json:
        print_json(report)
    else:
        _page(report)
        say(f"\nusable devices: {', '.join(working) or 'none'}")
    if not working:
        context.exit(1)


def _page(report: dict[str, Any]) -> None:
    table(("what", "found"), list(report["system"].items()))
    say()
    rows = [
        (
            row["plugin"],
            row["state"],
            f"{row['distribution']} {row['version']}".strip(),
            row["reason"] or row["error"],
        )
        for row in report["plugins"]
    ]
    table(("plugin", "state", "from", "reason"), rows)
    say()
    devices = [
        (row["device"], row["state"], ", ".join(row["devices"]) or row["reason"])
        for row in report["devices"]
        if row["device"]
    ]
    table(("device", "state", "devices or reason"), devices)
    say()
    switches = [
        (name, value if value is not None else "-", SWITCHES[name])
        for name, value in report["switches"].items()
    ]
    table(("switch", "value", "meaning"), switches)


def _system() -> dict[str, str]:
    import numpy as np

    import dlf

    return {
        "dlf": f"{dlf.__version__} ({os.path.dirname(dlf.__file__)})",
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "processors": _processors(),
        "numpy": np.__version__,
        "BLAS": _blas(),
    }


def _processors() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} usable of {os.cpu_count()}"


def _blas() -> str:
    """The BLAS that NumPy was built with, and how many threads it uses where that can be asked."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    name = " ".join(str(blas[key]) for key in ("name", "version") if blas.get(key)) or "unknown"
    threads = _blas_threads()
    return name if threads is None else f"{name}, {threads} threads"


def _blas_threads() -> int | None:
    """Ask the OpenBLAS that NumPy's wheel brings; None where it is another library."""
    import ctypes

    import numpy as np

    place = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
    files = (
        [name for name in os.listdir(place) if "openblas" in name] if os.path.isdir(place) else []
    )
    for file in files:
        library = ctypes.CDLL(os.path.join(place, file))
        for prefix in ("scipy_", ""):
            for suffix in ("64_", ""):
                count = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
                if count is not None:
                    return int(count())
    return None
