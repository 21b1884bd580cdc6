"""Native backends are imported and probed in a child first, whatever becomes of that child."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from dlf.errors import DeviceUnavailableError
from dlf.plugin import BackendSpec, Host, isolated
from dlf.plugin.discovery import Found
from dlf.plugin.isolated import SAFE, Verdict, examine

MODULE = """
    from dlf.plugin import BackendSpec, hookimpl

    @hookimpl
    def dlf_backends():
        return [BackendSpec("made", "npu", __name__ + "_native:Made")]
"""
NATIVE = """
    import ctypes, os, sys, time
    from pathlib import Path
    from dlf.plugin import Backend, Caps, Probe

    with open(Path(__file__).with_name("imported"), "a") as stream:
        print(os.getpid(), file=stream)
    {at_import}

    class Made(Backend):
        device_type = "npu"
        caps = Caps(dtypes=frozenset({{"float32"}}))
        def probe(self):
            {probe}
        def from_host(self, host, dtype, index): return host
        def to_host(self, a): return a
        def assign(self, dst, src): pass
"""
OK = 'return Probe(True, devices=("one",))'


class Folder:
    """A folder on ``sys.path`` with the plugins of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def plugin(self, name: str, probe: str = OK, at_import: str = "pass") -> Found:
        texts = {name: MODULE}
        texts[f"{name}_native"] = NATIVE.format(probe=probe, at_import=at_import)
        for module, text in texts.items():
            (self.path / f"{module}.py").write_text(dedent(text))
        return Found(name, name, f"dlf-{name}", "1.0")

    @property
    def importers(self) -> list[int]:
        """The processes that imported a native module, in order."""
        try:
            return [int(line) for line in (self.path / "imported").read_text().split()]
        except FileNotFoundError:
            return []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Folder(tmp_path)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


ENDS = {
    "segfault": (
        "ctypes.string_at(0)",
        "probe ended by signal SIGSEGV",
    ),
    "abort": ("os.abort()", "probe ended by signal SIGABRT"),
    "exit": ("os._exit(3)", "probe exited with status 3"),
    "told_exit": (
        "print('no firmware\\n\\n', file=sys.stderr, flush=True); os._exit(3)",
        "probe exited with status 3: no firmware",
    ),
    "system_exit": ("sys.exit('no licence')", "probe exited with status 1: no licence"),
    "quiet_exit": ("sys.exit(0)", "probe exited with status 0"),
    "killed": ("os.kill(os.getpid(), 9)", "probe ended by signal SIGKILL"),
}


@pytest.mark.skipif(os.name != "posix", reason="ends by signals are POSIX's")
@pytest.mark.parametrize(("probe", "reason"), ENDS.values(), ids=ENDS)
def test_probe_that_ends_the_process(folder: Folder, probe: str, reason: str) -> None:
    host = Host(lambda: [folder.plugin("ends", probe)])
    for _ in range(2):
        with pytest.raises(DeviceUnavailableError) as caught:
            host.load_backend("npu")
        assert (
            str(caught.value)
            == f"device 'npu' of plugin 'ends' of dlf-ends 1.0 is unavailable: {reason}"
        )
    (record,) = host.records(probe=True)
    assert (record.state, record.reason) == ("unavailable", f"device 'npu': {reason}")
    assert len(folder.importers) == 1
    assert os.getpid() not in folder.importers


@pytest.mark.parametrize(
    ("at_import", "reason"),
    [
        ("os._exit(3)", "import exited with status 3"),
        ("sys.exit('wrong machine')", "import exited with status 1: wrong machine"),
        ("ctypes.string_at(0)", "import ended by signal SIGSEGV"),
    ],
)
def test_import_that_ends_the_process(folder: Folder, at_import: str, reason: str) -> None:
    host = Host(lambda: [folder.plugin("ends", at_import=at_import)])
    with pytest.raises(DeviceUnavailableError, match=f": {reason}$"):
        host.load_backend("npu")
    assert os.getpid() not in folder.importers


@pytest.mark.parametrize(
    ("probe", "at_import", "stage"),
    [("time.sleep(60)", "pass", "probe"), (OK, "while True: pass", "import")],
)
def test_hanging(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, probe: str, at_import: str, stage: str
) -> None:
    monkeypatch.setenv("DLF_PROBE_TIMEOUT", "4")
    host = Host(lambda: [folder.plugin("hangs", probe, at_import)])
    with pytest.raises(DeviceUnavailableError, match=f": {stage} did not answer within 4 s$"):
        host.load_backend("npu")
    (child,) = folder.importers
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.slow
def test_what_a_hanging_probe_started_ends_with_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLF_PROBE_TIMEOUT", "4")
    started = folder.path / "started"
    probe = (
        "import subprocess; p = subprocess.Popen(['sleep', '60']); "
        f"Path({str(started)!r}).write_text(str(p.pid)); time.sleep(60)"
    )
    host = Host(lambda: [folder.plugin("starts", probe)])
    with pytest.raises(DeviceUnavailableError, match="did not answer"):
        host.load_backend("npu")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.kill(int(started.read_text()), 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    status = Path(f"/proc/{started.read_text()}/stat")
    assert status.exists() and status.read_text().split()[2] == "Z"


@pytest.mark.slow
def test_ten_that_hang_cost_one_time_limit(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(10):
        folder.plugin(f"hangs{i}", at_import="while not time.sleep(1): pass")
    monkeypatch.setenv("DLF_PROBE_TIMEOUT", "6")
    specs = [BackendSpec("made", f"npu{i}", f"hangs{i}_native:Made") for i in range(10)]
    begin = time.monotonic()
    verdicts = examine(specs)
    assert 6 <= time.monotonic() - begin < 20
    reasons = {verdict.reason for verdict in verdicts}
    assert {reason.split(" did not ")[1] for reason in reasons} == {"answer within 6 s"}
    assert not any(verdict.safe for verdict in verdicts)


def test_host_examines_all_at_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(isolated, "examine", lambda specs: calls.append(specs) or [SAFE] * 2)  # type: ignore[func-returns-value]
    one, two = folder.plugin("one"), folder.plugin("two")
    (folder.path / "two.py").write_text((folder.path / "two.py").read_text().replace("npu", "npv"))
    host = Host(lambda: [one, two])
    host.records(probe=True)
    host.examine()
    assert [[spec.device_type for spec in specs] for specs in calls] == [["npu", "npv"]]


def test_garbage_on_the_outputs_is_no_answer(
    folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    garbage = 'os.write(1, b\'{"ok": true, "devices": 1}\\n\\xff\'); os.write(2, b"x" * 100000)'
    host = Host(lambda: [folder.plugin("noisy", f"{garbage}; os._exit(4)")])
    with pytest.raises(DeviceUnavailableError, match=r"exited with status 4: x{300}$"):
        host.load_backend("npu")
    assert capfd.readouterr() == ("", "")


def test_answer_that_is_good(folder: Folder) -> None:
    host = Host(lambda: [folder.plugin("good")])
    assert host.load_backend("npu").probe.devices == ("one",)
    assert len(folder.importers) == 2
    assert folder.importers[1] == os.getpid()


def test_absent_device_is_not_imported_here_until_asked_again(folder: Folder) -> None:
    host = Host(lambda: [folder.plugin("absent", 'return Probe(False, "no driver")')])
    for imported in (False, True):
        with pytest.raises(DeviceUnavailableError, match=r"is unavailable: no driver$"):
            host.load_backend("npu")
        assert (os.getpid() in folder.importers) is imported
    assert len(folder.importers) == 2


def test_exception_is_met_here_with_its_cause(folder: Folder) -> None:
    host = Host(lambda: [folder.plugin("raises", "raise OSError('no bus')")])
    with pytest.raises(DeviceUnavailableError, match="probe raised OSError: no bus") as caught:
        host.load_backend("npu")
    assert isinstance(caught.value.__cause__, OSError)


def test_failure_at_the_childs_end_is_none(folder: Folder) -> None:
    probe = f"import atexit; atexit.register(os.abort); {OK}"
    folder.plugin("late", probe)
    assert examine([BackendSpec("made", "npu", "late_native:Made")]) == [SAFE]


def test_child_has_this_process_surroundings(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPU_HOME", "here")
    monkeypatch.syspath_prepend(folder.path / "further")
    probe = "return Probe(False, repr((os.environ['NPU_HOME'], sys.path, os.getcwd())))"
    folder.plugin("where", probe)
    expected = repr(("here", sys.path, os.getcwd()))
    assert examine([BackendSpec("made", "npu", "where_native:Made")]) == [Verdict(True, expected)]


def test_no_child_where_the_user_says_so(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLF_PROBE", "inline")
    Host(lambda: [folder.plugin("good")]).load_backend("npu")
    assert folder.importers == [os.getpid()]


@pytest.mark.parametrize("executable", ["", "/usr/bin/blender", "/no/such/python"])
def test_no_child_where_none_can_be_started(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    Host(lambda: [folder.plugin("good")]).load_backend("npu")
    assert folder.importers == [os.getpid()]


def test_no_child_in_a_frozen_program(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    Host(lambda: [folder.plugin("good")]).load_backend("npu")
    assert folder.importers == [os.getpid()]


def test_child_that_never_comes_to_the_backend_says_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "_CODE", "raise SystemExit('no dlf here')")
    Host(lambda: [folder.plugin("good")]).load_backend("npu")
    assert folder.importers == [os.getpid()]


def test_wrong_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLF_PROBE_TIMEOUT", "soon")
    monkeypatch.setenv("DLF_PROBE", "never")
    with pytest.warns(UserWarning, match=r"DLF_PROBE_TIMEOUT='soon' is not .*; 20 is used"):
        assert isolated.probe_seconds() == 20
    with pytest.warns(UserWarning, match="DLF_PROBE='never' is neither 'child' nor 'inline'"):
        assert not isolated.probe_inline()


@pytest.mark.parametrize("text", ["nan", "-1", "0", "inf"])
def test_times_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DLF_PROBE_TIMEOUT", text)
    with pytest.warns(UserWarning, match=r"20 is used"):
        assert isolated.probe_seconds() == 20


def test_import_and_the_built_in_devices_pay_nothing() -> None:
    code = (
        "import sys, dlf; (dlf.ones(1) + 1).sum(); dlf.ones(1, device='sim')\n"
        "assert not {'dlf.plugin.isolated', 'subprocess'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
