"""Distributions that the tests install as strangers' packages: good ones, and every way to fail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.environment import Environment

_BACKEND = """
    import numpy as np
    from dlf.plugin import Backend, BackendSpec, Caps, Probe, hookimpl

    class Made(Backend):
        device_type = "{device}"
        caps = Caps(dtypes=frozenset({{"float32"}}))
        def probe(self): {probe}
        def from_host(self, host, dtype, index): return host.astype(dtype.numpy)
        def to_host(self, a): return a
        def assign(self, dst, src): np.copyto(dst, src)

    @hookimpl
    def dlf_backends():
        return [BackendSpec("made", "{device}", __name__ + ":Made", "{api}")]
"""
_OK = 'return Probe(True, devices=("one",))'


def _backend(device: str, probe: str = _OK, api: str = ">=1.0,<2") -> str:
    return dedent(_BACKEND).format(device=device, probe=probe, api=api)


_GOOD = _backend("good") + dedent("""
    from dlf.plugin import DatasetSpec, KernelSpec

    class Optimizer: pass
    def dataset(root=None, train=True): return [1, 2, 3]
    def kernels(): return {"add": np.add}

    @hookimpl
    def dlf_kernels(): return [KernelSpec("overlay", "good", __name__ + ":kernels", priority=3)]

    @hookimpl
    def dlf_optimizers(): return {"good_optimizer": __name__ + ":Optimizer"}

    @hookimpl
    def dlf_datasets(): return {"good_data": DatasetSpec(__name__ + ":dataset", "one line", "CC0")}
""")

_IMPORT_ERROR = """
try:
    raise OSError("libnpu.so.3: cannot open shared object file")
except OSError as error:
    raise ImportError("the npu's driver is not installed") from error
"""

_RAISING = _backend("raising") + dedent("""
    @hookimpl
    def dlf_optimizers(): return {"rolled_back": __name__ + ":Made"}

    @hookimpl
    def dlf_datasets(): raise ValueError("no list of datasets")
""")

_MISSPELT = _backend("misspelt").replace("def dlf_backends", "def dlf_backend")

# Distribution -> (entry point's name, source of its module).
PACKAGES = {
    "dlf-good": ("good", _GOOD),
    "dlf-newer": ("newer", _backend("newer", api=">=1.9,<2")),
    "dlf-import-error": ("import_error", _IMPORT_ERROR),
    "dlf-syntax-error": ("syntax_error", "def half(:\n"),
    "dlf-system-exit": ("system_exit", "import sys\nsys.exit('wrong machine')\n"),
    "dlf-other-api": ("other_api", _backend("other", api=">=2.0,<3")),
    "dlf-misspelt": ("misspelt", _MISSPELT),
    "dlf-raising": ("raising", _RAISING),
    "dlf-probe-raises": ("probe_raises", _backend("ghost", 'raise OSError("no bus")')),
    "dlf-absent": ("absent", _backend("absent", 'return Probe(False, "no driver; install one")')),
    "dlf-twin-one": ("twin", _backend("twin_one")),
    "dlf-twin-two": ("twin", _backend("twin_two")),
    "dlf-rival-one": ("rival_one", _backend("rival")),
    "dlf-rival-two": ("rival_two", _backend("rival")),
}


_HALF_OPS = _backend("half_ops") + dedent("""
    @hookimpl
    def dlf_ops(registry):
        from dlf.registry import composite

        @composite(inputs=1)
        def half_declared(input): return input.relu()

        raise ValueError("no second op")

    @hookimpl
    def dlf_optimizers(): return {"half_ops": __name__ + ":Made"}
""")

_HALF_CLI = """
import click
from dlf.plugin import hookimpl

@hookimpl
def dlf_datasets():
    from dlf.plugin import DatasetSpec
    return {"half_cli": DatasetSpec(__name__ + ":click", "of one that breaks later")}

@hookimpl
def dlf_cli(group):
    group.add_command(click.Command("half"))
    raise RuntimeError("no second command")
"""

_NOISY = """
import time
print("{welcome to noisy")
end = time.thread_time() + 0.6
while time.thread_time() < end: pass

""" + dedent(_GOOD.replace("good", "noisy"))

# What must not end a program, nor stand in its way, all installed together.
HOSTILE = {name: PACKAGES[name] for name in ("dlf-import-error", "dlf-syntax-error")}
HOSTILE |= {name: PACKAGES[name] for name in ("dlf-system-exit", "dlf-other-api", "dlf-misspelt")}
HOSTILE |= {name: PACKAGES[name] for name in ("dlf-raising", "dlf-twin-one", "dlf-twin-two")}
HOSTILE |= {
    "dlf-exiting": ("exiting", "import os\n" + _backend("exiting", "os._exit(3)")),
    "dlf-crashing": ("crashing", "import ctypes\n" + _backend("crashing", "ctypes.string_at(0)")),
    "dlf-hanging": ("hanging", "import time\n" + _backend("hanging", "time.sleep(600)")),
    "dlf-half-ops": ("half_ops", _HALF_OPS),
    "dlf-half-cli": ("half_cli", _HALF_CLI),
    "dlf-noisy": ("noisy", _NOISY),
}


_UNUSED = """
    from dlf.plugin import BackendSpec, DatasetSpec, KernelSpec, hookimpl

    @hookimpl
    def dlf_backends(): return [BackendSpec("unused", "unused{i}", "dlf_unused_heavy:Made")]

    @hookimpl
    def dlf_kernels(): return [KernelSpec("more{i}", "unused{i}", "dlf_unused_heavy:kernels")]

    @hookimpl
    def dlf_ops(registry):
        from dlf.registry import composite

        @composite(inputs=1)
        def unused{i}(input): return input.relu()

    @hookimpl
    def dlf_optimizers(): return {{"unused{i}": "dlf_unused_heavy:Optimizer"}}

    @hookimpl
    def dlf_datasets(): return {{"unused{i}": DatasetSpec("dlf_unused_heavy:data", "a line")}}
"""
# Ten that give one of everything, of which nothing is used: what they name cannot be imported.
UNUSED = {f"dlf-unused{i}": (f"unused{i}", dedent(_UNUSED).format(i=i)) for i in range(10)}


_KERNELS = """
    import numpy as np
    from dlf.plugin import KernelSpec, hookimpl

    @hookimpl
    def dlf_kernels(): return [KernelSpec("{name}", "cpu", __name__ + ":K", priority={priority})]

    K = {{name: (lambda a: np.maximum(a, 0)) for name in {ops}}}
"""


def overlay(name: str, priority: int, *ops: str) -> tuple[str, str]:
    """A plugin with kernels for some unary `ops` of the cpu; they compute ``relu``."""
    return name, dedent(_KERNELS).format(name=name, priority=priority, ops=ops)


# A device without a kernel.
BARE = {"dlf-bare": ("bare", _backend("bare"))}


def unpack_packages(folder: Path, packages: Mapping[str, tuple[str, str]]) -> None:
    """Write `packages` into `folder` as installed, for those who have it on their path."""
    folder.mkdir(parents=True, exist_ok=True)
    for distribution, (name, source) in packages.items():
        module = distribution.replace("-", "_")
        (folder / f"{module}.py").write_text(source)
        information = folder / f"{module}-4.2.dist-info"
        information.mkdir()
        headers = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 4.2\n"
        (information / "METADATA").write_text(headers)
        (information / "entry_points.txt").write_text(f"[dlf]\n{name} = {module}\n")


def beside_others(folder: Path | str) -> str:
    """``PYTHONPATH`` with `folder` before what is there already."""
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


def write_packages(folder: Path, packages: Mapping[str, tuple[str, str]] = PACKAGES) -> list[Path]:
    """Write a project for each of `packages` into `folder`."""
    projects = []
    for distribution, (name, source) in packages.items():
        module = distribution.replace("-", "_")
        project = folder / distribution
        project.mkdir(parents=True)
        (project / f"{module}.py").write_text(source)
        (project / "pyproject.toml").write_text(
            dedent(f"""
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"

            [project]
            name = "{distribution}"
            version = "4.2"

            [project.entry-points.dlf]
            {name} = "{module}"

            [tool.hatch.build.targets.wheel]
            include = ["{module}.py"]
            """)
        )
        projects.append(project)
    return projects


def install_packages(
    folder: Path, packages: Mapping[str, tuple[str, str]] = PACKAGES
) -> Environment:
    """A virtual environment in `folder` with `packages` installed by one run of pip."""
    environment = Environment.create(folder / "venv")
    projects = map(str, write_packages(folder / "projects", packages))
    command = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
    command += ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile"]
    done = subprocess.run(
        [*command, *projects],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
    )
    assert done.returncode == 0, done.stderr
    return environment


def installed_once(
    factory: pytest.TempPathFactory, name: str, packages: Mapping[str, tuple[str, str]]
) -> Environment:
    """`packages` installed; the workers of one test run share what the first of them builds."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = folder / "done"
    try:
        folder.mkdir()
    except FileExistsError:
        for _ in range(1200):
            if done.exists():
                return Environment(folder / "venv")
            time.sleep(0.1)
        pytest.fail("the worker that installs the packages did not end")
    made = install_packages(folder, packages)
    done.touch()
    return made
