"""Imports and probes backends of foreign native code in a child process first.

A driver's library may end the process that loads it, or never return. So a backend whose spec says
`native` is imported, made and probed in a child with a time limit, and this process imports it only
if the child came through. The child has this process's ``sys.path``, environment variables and
working folder; what it prints is kept from this process's output, and its answer comes in a file of
its own, so that nothing printed can pass for one.

There is no child, and the backend is loaded at once as others are, where

- ``DLF_PROBE=inline`` says so,
- the process cannot start a Python: in a frozen program, or an embedded interpreter, whose
  ``sys.executable`` is empty or is another program,
- the backend's module was made by this process and lies in no file, as in ``__main__``,
- the system refuses to start another process, or dlf cannot be imported in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .selection import probe_inline, probe_seconds
from .specs import BackendSpec
from .target import describe, load_target

__all__ = ["SAFE", "Verdict", "answer", "examine"]

_CODE = """
import sys, json
sys.path[:] = json.loads(sys.argv[1])
from dlf.plugin.isolated import answer
answer(*sys.argv[2:])
"""
_PYTHONS = ("python", "pypy", "graalpy")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a child: whether this process may import the backend, and why it is unavailable.

    `reason` is empty where this process has to find out itself: the probe named a device, or
    something raised an exception, which is harmless and is best met where it can be caught.
    """

    safe: bool
    reason: str = ""


SAFE = Verdict(True)


def examine(specs: Sequence[BackendSpec]) -> list[Verdict]:
    """A verdict on each of `specs`, from children that run at the same time.

    However many of them hang, this takes one time limit, ``DLF_PROBE_TIMEOUT`` seconds.
    """
    seconds = probe_seconds()
    with ExitStack() as stack:
        children = [_start(spec, stack) if _needs_child(spec) else None for spec in specs]
        until = time.monotonic() + seconds
        return [SAFE if child is None else child.verdict(until, seconds) for child in children]


def answer(load: str, file: str) -> None:
    """In the child: import, make and probe the backend `load`, and write to `file` how that went.

    The first lines are the stages as they begin, the last one is the answer as JSON. ``SystemExit``
    is not caught: like every other end without an answer, it is told by the status.
    """
    _no_core_file()
    with open(file, "w", encoding="utf-8") as stream:
        print("import", file=stream, flush=True)
        try:
            made = load_target(load)()
            print("probe", file=stream, flush=True)
            probe = made.probe()
            told: dict[str, Any] = {"ok": bool(probe.ok), "reason": str(probe.reason)}
            told["devices"] = len(probe.devices)
        except Exception as error:
            told = {"raised": describe(error)}
        print(json.dumps(told), file=stream, flush=True)
    # A library that fails at the interpreter's end can still be used until then.
    os._exit(0)


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    folder: Path

    def verdict(self, until: float, seconds: float) -> Verdict:
        """Wait for the answer until the clock says `until`, `seconds` after the start."""
        try:
            status = self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            stage = self._stage() or "a Python to probe it"
            return Verdict(False, f"{stage} did not answer within {seconds:g} s")
        stage = self._stage()
        if not stage:
            return SAFE  # it never came to the backend, so it says nothing of it
        if stage.startswith("{"):
            return _judged(json.loads(stage))
        ended = [f"{stage} {_ending(status)}", self._last_words()]
        return Verdict(False, ": ".join(filter(None, ended)))

    def stop(self) -> None:
        """End the child, and what it started itself; does nothing to one that has ended."""
        if self.process.poll() is not None:
            return
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self.process.pid, 9)
            else:
                self.process.kill()
        # A process that waits inside a driver cannot be killed, and must not be waited for.
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)

    def _stage(self) -> str:
        """The stage that was reached, or the answer; empty before the first."""
        lines = _text(self.folder / "answer").splitlines(keepends=True)
        return next((line.strip() for line in reversed(lines) if line.endswith("\n")), "")

    def _last_words(self) -> str:
        lines = [line.strip() for line in _text(self.folder / "stderr").splitlines()]
        return next((line[:_LONGEST] for line in reversed(lines) if line), "")


def _judged(told: dict[str, Any]) -> Verdict:
    if "raised" in told or (told["ok"] and told["devices"]):
        return SAFE
    return Verdict(True, told["reason"] or "its probe names no device")


def _start(spec: BackendSpec, stack: ExitStack) -> _Child | None:
    """A child for `spec`, ended with `stack`; None if the system refuses to start one."""
    from tempfile import TemporaryDirectory

    path = json.dumps([place for place in sys.path if isinstance(place, str)])
    try:
        place = TemporaryDirectory(prefix="dlf-probe-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(place))
        with open(folder / "stderr", "wb") as stderr:
            process = subprocess.Popen(
                # -P: a file in the working folder must not pass for a module of the library.
                [sys.executable, "-P", "-c", _CODE, path, spec.load, str(folder / "answer")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"DLF_PROBE": "inline"},
                start_new_session=True,
            )
    except OSError:
        return None
    child = _Child(process, folder)
    stack.callback(child.stop)
    return child


def _needs_child(spec: BackendSpec) -> bool:
    """Whether `spec` is to be probed in a child, and can be; see the module's docstring."""
    name = os.path.basename(sys.executable or "").lower()
    if not spec.native or probe_inline() or not name.startswith(_PYTHONS):
        return False
    module = sys.modules.get(spec.load.partition(":")[0])
    made_here = module is not None and getattr(module, "__spec__", None) is None
    return not made_here and not getattr(sys, "frozen", False)


def _ending(status: int) -> str:
    if status >= 0:
        # Windows tells of a crash by a large status, which is known by its hexadecimal form.
        return f"exited with status {status if status < 256 else hex(status)}"
    from signal import Signals

    try:
        return f"ended by signal {Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"


def _no_core_file() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _text(file: Path) -> str:
    """The end of `file`, as text; empty where there is none."""
    try:
        with open(file, "rb") as stream:
            stream.seek(max(0, file.stat().st_size - 8192))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
