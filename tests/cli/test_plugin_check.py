"""`dlf plugin check`: every kind of fault is found, told in one line, with what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner

from dlf_cli.main import main

PYPROJECT = """
[project]
name = "dlf-odd"
version = "3.1"
requires-python = ">=3.11"
dependencies = ["dlf"]

[project.entry-points.dlf]
odd = "dlf_odd"
"""
BACKEND = """
import numpy as np
from dlf.plugin import Backend, BackendSpec, Caps, DatasetSpec, KernelSpec, Probe, hookimpl

class Odd(Backend):
    device_type = "odd"
    caps = Caps(dtypes={"float32"})
    def probe(self): return Probe(True, devices=("one",))
    def from_host(self, host, dtype, index): return host.astype(dtype.numpy)
    def to_host(self, a): return a
    def assign(self, dst, src): np.copyto(dst, src)

@hookimpl
def dlf_backends(): return [BackendSpec("odd", "odd", "dlf_odd:Odd")]
"""


def check(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["plugin", "check", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def project(folder: Path, source: str, settings: str = PYPROJECT, **files: str) -> Path:
    (folder / "pyproject.toml").write_text(settings)
    (folder / "dlf_odd.py").write_text(dedent(source))
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text))
    return folder


def report(folder: Path, *options: str) -> dict[str, Any]:
    status, out, _ = check(folder, "--json", *options)
    found: dict[str, Any] = json.loads(out)
    assert status == (1 if found["error"] else 0)
    return found


def told(found: dict[str, Any], level: str) -> list[str]:
    """The findings of `level`, each with what to do; there is always something to do."""
    chosen = [one for one in found["findings"] if one["level"] == level]
    assert all(one["todo"] and "\n" not in one["text"] for one in chosen)
    return [f"{one['check']}: {one['text']}" for one in chosen]


def test_nothing_wrong(tmp_path: Path) -> None:
    status, out, _ = check(project(tmp_path, BACKEND))
    assert status == 0
    *lines, last = out.splitlines()
    assert {line.split()[0] for line in lines} == {"ok"}
    for part in ("entry point", "metadata", "import", "hooks", "version", "probe", "names"):
        assert any(line.split("  ", 1)[1].strip().startswith(part) for line in lines)
    assert any("rollback" in line for line in lines)
    assert last == f"dlf-odd 3.1: 0 errors, 0 warnings, {len(lines)} ok"


FAULTS = {
    "syntax": ("def half(:", "import: import of 'dlf_odd' failed: SyntaxError"),
    "exit": ("raise SystemExit('no')", "import: import of 'dlf_odd' failed: SystemExit: no"),
    "crash": (
        "import os; os._exit(3)",
        "importing: 'odd': the check's process ended with status 3",
    ),
    "no hook": ("x = 1", "import: 'dlf_odd' has no hook"),
    "unmarked": (
        BACKEND.replace("@hookimpl", ""),
        "import: 'dlf_backends' lacks the decorator @dlf.plugin.hookimpl",
    ),
    "misspelt": (
        BACKEND.replace("def dlf_backends", "def dlf_backend"),
        "import: unknown hook 'dlf_backend'; did you mean 'dlf_backends'?",
    ),
    "version unreadable": (
        BACKEND.replace('Odd")', 'Odd", "about 1")'),
        "import: dlf_backends failed: ValueError: requires_api 'about 1'",
    ),
    "version refused": (
        BACKEND.replace('Odd")', 'Odd", ">=2,<3")'),
        "version: 'odd' requires kernel API >=2,<3, and this dlf gives 1.",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_loaded(tmp_path: Path, fault: str) -> None:
    source, expected = FAULTS[fault]
    errors = told(report(project(tmp_path, source)), "error")
    assert len(errors) == 1
    assert errors[0].startswith(expected)


def expect(found: dict[str, Any], *expected: str) -> None:
    """Each of `expected` begins an error, and there is no other error."""
    errors = told(found, "error")
    missing = [text for text in expected if not any(e.startswith(text) for e in errors)]
    assert (missing, len(errors)) == ([], len(expected)), errors


def test_heavy_import_and_a_hook_that_is_never_called(tmp_path: Path) -> None:
    source = "import heavy_library\n" + BACKEND + "\ndef dlf_optimizer(): return {}"
    expect(
        report(project(tmp_path, source, heavy_library="import csv")),
        "import: dlf_odd imports heavy_library",
        "hooks: 'dlf_optimizer' of dlf_odd is never called",
    )


def test_wrong_devices(tmp_path: Path) -> None:
    source = BACKEND.replace('"odd", "dlf_odd', '"cpu", "dlf_odd').replace(
        "    return [", "    return SPECS + ["
    )
    source = source.replace("def dlf_backends(): return [", "def dlf_backends(): return SPECS + [")
    source += dedent("""
        class Raising(Odd):
            device_type = "raising"
            def probe(self): raise OSError("no bus")

        class Silent(Odd):
            device_type = "silent"
            def probe(self): return Probe(False)

        class Wide(Odd):
            device_type = "wide"
            caps = Caps(dtypes={"float3"})
            def kernels(self): return ["add"]

        SPECS = [
            BackendSpec("none", "none", "dlf_odd:np"),
            BackendSpec("missing", "missing", "dlf_odd:Od"),
            BackendSpec("raising", "raising", "dlf_odd:Raising"),
            BackendSpec("silent", "silent", "dlf_odd:Silent"),
            BackendSpec("wide", "wide", "dlf_odd:Wide"),
        ]
    """)
    expect(
        report(project(tmp_path, source)),
        "probe: 'dlf_odd:np' gives no backend",
        "probe: 'missing' cannot be loaded from 'dlf_odd:Od'",
        "probe: device 'raising': probe raised OSError: no bus",
        "probe: device 'silent': its probe gives no reason",
        "probe: device 'wide' claims 'float3'",
        "probe: device 'wide': kernels() gives ['add']",
        "probe: 'dlf_odd:Odd' gives no backend: TypeError: its device_type is not 'cpu'",
        "names: device type 'cpu' is given by plugin 'numpy_cpu' of dlf",
    )


def test_wrong_targets_and_taken_names(tmp_path: Path) -> None:
    source = BACKEND + dedent("""
        def data(): pass

        @hookimpl
        def dlf_optimizers(): return {"odd": "dlf_odd:Odd", "adam": "dlf_odd:Adam"}

        @hookimpl
        def dlf_datasets(): return {"odd": DatasetSpec("dlf_odd:data", "a line")}

        @hookimpl
        def dlf_kernels(): return [KernelSpec("odd", "cpu", "dlf_odd:nothing")]

        @hookimpl
        def dlf_ops(): raise ValueError("which?")

        @hookimpl
        def dlf_cli(group):
            import click
            group.add_command(click.Command("train", help="Train."))
    """)
    expect(
        report(project(tmp_path, source)),
        "targets: dlf_ops failed: ValueError: which?",
        "targets: 'odd' cannot be loaded from 'dlf_odd:nothing'",
        "targets: optimizer 'odd' is <class 'dlf_odd.Odd'>",
        "targets: optimizer 'adam' cannot be loaded: AttributeError",
        "targets: dataset 'odd' is <function data",
        "names: optimizer 'adam' is given by plugin 'optim' of dlf",
        "names: command 'train' is given by dlf itself as well",
    )


def test_what_stays_behind(tmp_path: Path) -> None:
    source = BACKEND + dedent("""
        import dlf
        from dlf.registry import composite

        dlf.Tensor.cpu = lambda self: self

        @composite(inputs=1)
        def odd_op(input): return input * 2

        @hookimpl
        def dlf_optimizers():
            dlf.Tensor.odd = 1
            return {}
    """)
    expect(
        report(project(tmp_path, source)),
        "rollback: importing dlf_odd leaves dlf.Tensor.cpu changed",
        "rollback: importing dlf_odd leaves a new dlf.Tensor.odd",
        "rollback: importing dlf_odd leaves the op 'odd_op'",
    )


def test_warnings(tmp_path: Path) -> None:
    source = BACKEND.replace('Odd")', 'Odd", ">=1.0")') + dedent("""
        import time, warnings
        time.sleep(0.15)
        warnings.warn("dlf.plugin.old is deprecated", DeprecationWarning)
        @hookimpl
        def dlf_kernels(): return [KernelSpec("odd", "cpu", "dlf_odd:KERNELS", ">=1.9,<2")]
        KERNELS = {"matmull": max}
    """)
    settings = PYPROJECT.replace('requires-python = ">=3.11"', "") + "\n[project.entry-points]\n"
    settings += "dlf-plugins = {odd = 'dlf_odd'}\n"
    found = report(project(tmp_path, source, settings))
    assert told(found, "error") == []
    texts = told(found, "warning")
    for expected in (
        "entry point: dlf does not look at the group dlf-plugins",
        "metadata: it does not say which Pythons it takes",
        "import: dlf_odd and its hooks take 0.",
        "version: 'odd' requires kernel API >=1.0, without an upper bound",
        "version: 'odd' requires kernel API >=1.9,<2, later than this dlf's 1.",
        "targets: overlay 'odd' has kernels for no op of this dlf: 'matmull' (did you mean 'matm",
    ):
        assert any(text.startswith(expected) for text in texts), (expected, texts)
    assert texts.count("deprecated: dlf.plugin.old is deprecated") == 1


def test_unavailable_device_is_no_error(tmp_path: Path) -> None:
    source = BACKEND.replace('Probe(True, devices=("one",))', 'Probe(False, "no driver")')
    found = report(project(tmp_path, source))
    assert told(found, "error") == []
    assert told(found, "warning") == [
        "probe: device 'odd' is unavailable here: device 'odd': no driver"
    ]


def test_probe_that_hangs(tmp_path: Path) -> None:
    source = BACKEND.replace("return Probe(", "import time; time.sleep(60); return Probe(")
    errors = told(report(project(tmp_path, source), "--limit", "6"), "error")
    assert len(errors) == 1
    assert errors[0].startswith("probing: 'odd': the check was not over after 6 s")


def test_metadata(tmp_path: Path) -> None:
    settings = PYPROJECT.replace('["dlf"]', '["dlf-extras", "numpy"]').replace(
        "[project.entry-points.dlf]\nodd", "[project.entry-points.dlf_plugins]\nodd"
    )
    found = report(project(tmp_path, BACKEND, settings))
    assert told(found, "error") == [
        "entry point: there is none of the group dlf",
        "metadata: dlf is not among its dependencies",
    ]
    assert told(found, "warning") == ["entry point: dlf does not look at the group dlf_plugins"]


def test_module_under_src(tmp_path: Path) -> None:
    project(tmp_path, BACKEND)
    (tmp_path / "src").mkdir()
    (tmp_path / "dlf_odd.py").rename(tmp_path / "src" / "dlf_odd.py")
    assert report(tmp_path)["error"] == 0


def test_what_the_plugin_prints_stays_out(tmp_path: Path) -> None:
    found = report(project(tmp_path, BACKEND + "\nprint('[{')"))
    assert found["error"] == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("[project", "pyproject.toml: "),
        ("[tool.x]", "has no [project] with a name"),
        ('[project]\nname = "x"\ndynamic = ["entry-points"]', "lets its build make entry-points"),
    ],
)
def test_unreadable_project(tmp_path: Path, settings: str, message: str) -> None:
    status, out, err = check(project(tmp_path, BACKEND, settings))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_nothing_to_check(tmp_path: Path) -> None:
    status, out, err = check(tmp_path)
    assert (status, out) == (2, "")
    assert "has no pyproject.toml" in err
    status, out, err = check("no-such-distribution")
    assert (status, out) == (2, "")
    assert "neither a folder with a pyproject.toml nor an installed distribution" in err


@pytest.mark.slow
def test_installed_distribution() -> None:
    status, out, _ = check("dlf")
    assert status == 0, out
    assert "plugin 'numpy_cpu' in dlf_numpy_cpu.plugin" in out
    assert " 0 errors, " in out.splitlines()[-1]
