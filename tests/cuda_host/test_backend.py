"""What the `cuda` backend is made of, and that nothing of it needs CuPy to be imported."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import dlf_cupy_gpu
import dlf_cupy_gpu.kernels
from dlf.registry import registry
from dlf_cupy_gpu.amp import AmpService
from dlf_cupy_gpu.backend import FAMILIES
from tests.cuda_host.child import run


def test_imports_without_cupy() -> None:
    names = [one.name for one in pkgutil.walk_packages(dlf_cupy_gpu.__path__, "dlf_cupy_gpu.")]
    assert len(names) > 20
    code = (
        "import sys\n"
        "sys.modules['cupy'] = sys.modules['cupyx'] = None\n"
        f"for name in {names!r}: __import__(name)\n"
        "from dlf_cupy_gpu.backend import CupyBackend\n"
        "CupyBackend()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_every_family_is_in_use() -> None:
    """A file of kernels that is not listed would never run."""
    files = {one.name for one in pkgutil.iter_modules(dlf_cupy_gpu.kernels.__path__)}
    makers = {name for name in files if hasattr(_imported(name), "kernels")}
    assert makers <= set(FAMILIES)
    assert len(FAMILIES) == len(set(FAMILIES))


def _imported(name: str) -> object:
    return __import__(f"dlf_cupy_gpu.kernels.{name}", fromlist=["kernels"])


def test_own_kernels_are_of_ops() -> None:
    """Each name is an op's; `CupyModules` compiles nothing before a kernel is called."""
    import dlf.nn
    import dlf.optim  # noqa: F401  # both declare ops
    from dlf_cupy_gpu.kernels import kernels
    from dlf_cupy_gpu.module import CupyModules

    table = kernels(CupyModules(cupy=None, primitives={}))
    assert len(table) > 20
    assert not [name for name in table if name not in registry]


def test_amp_lists_are_apart() -> None:
    service = AmpService()
    lists = (service.lower_precision, service.float32, service.promote, service.float32_inside)
    assert sum(map(len, lists)) == len(frozenset().union(*lists))
    assert service.default_dtype in service.dtypes


def test_autocast(cuda_plugin: str) -> None:
    """The region's dtype is the service's, and its lists are in use."""
    run(
        cuda_plugin,
        """
import dlf
x = dlf.ones(2, 3, device="cuda")
with dlf.autocast("cuda"):
    assert (x @ x.T).dtype is dlf.float16
    assert (x.half().softmax(1)).dtype is dlf.float32
with dlf.autocast("cuda", dtype=dlf.bfloat16):
    assert (x @ x.T).dtype is dlf.bfloat16
""",
    )
