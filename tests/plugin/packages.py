"""Distributions that the tests install as strangers' packages: good ones, and every way to fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

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


def write_packages(folder: Path) -> list[Path]:
    """Write a project for each of `PACKAGES` into `folder`."""
    projects = []
    for distribution, (name, source) in PACKAGES.items():
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


def install_packages(folder: Path) -> Environment:
    """A virtual environment in `folder` with all of `PACKAGES` installed by one run of pip."""
    environment = Environment.create(folder / "venv")
    projects = map(str, write_packages(folder / "projects"))
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
