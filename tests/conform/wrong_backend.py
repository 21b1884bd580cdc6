"""A distribution whose device is NumPy, but for two kernels that are wrong."""

from __future__ import annotations

from pathlib import Path

PLUGIN = """
from dlf.conform import Case
from dlf.plugin import BackendSpec, hookimpl


@hookimpl
def dlf_backends(api):
    return [BackendSpec("wrong", "wrong", load="dlf_wrong.backend:Wrong")]


@hookimpl
def dlf_conform_cases(device):
    def case(subject):
        assert subject.device.type == "wrong", "this case is for another device"

    return [Case("wrong/own", case, "plugin")] if device.type == "wrong" else []
"""

BACKEND = """
import numpy as np

import dlf.xp
from dlf.plugin import Backend, Caps, Probe


class Wrong(Backend):
    device_type = "wrong"
    caps = Caps(dtypes=frozenset({"bool", "uint8", "int32", "int64", "float32", "float64"}))

    def probe(self):
        return Probe(True, devices=("memory",))

    def from_host(self, host, dtype, index):
        return host.copy()

    def to_host(self, a):
        return np.asarray(a)

    def assign(self, dst, src):
        np.copyto(dst, src)

    def kernels(self):
        kernels = dict(dlf.xp.kernels(np))
        right = kernels["sum"]

        def sum(a, dims, keepdim):
            return right(a.T, dims, keepdim)  # the axes from the other end

        del kernels["cumprod"]
        return kernels | {"sum": sum}
"""

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "dlf-wrong"
version = "4.2"

[project.entry-points.dlf]
wrong = "dlf_wrong.plugin"
"""


def write_project(folder: Path) -> Path:
    """Write the distribution's project into `folder`, and give its own folder."""
    project = folder / "dlf-wrong"
    package = project / "dlf_wrong"
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (package / "backend.py").write_text(BACKEND)
    return project
