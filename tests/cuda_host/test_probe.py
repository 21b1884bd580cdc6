"""Every state of the probe, each in a process of its own, on a machine without a card."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STATES = Path(__file__).parent / "doubles" / "states"
CARD = ["NVIDIA H100 80GB HBM3", 85_000_000_000, 9, 0]
OLD = ["Quadro P5000", 17_000_000_000, 6, 1]

PROBE = """
import json
from dlf_cupy_gpu.probe import probe
found = probe()
print(json.dumps([found.ok, found.reason, found.devices]))
"""


def run(
    code: str, *, double: bool = True, **environment: object
) -> subprocess.CompletedProcess[str]:
    """`code` in a child whose CuPy is the stand-in."""
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in environment.items()}
    start = f"import sys; sys.path.insert(0, {str(STATES)!r})\n" if double else ""
    return subprocess.run(
        [sys.executable, "-c", f"{start}{code}"],
        env={k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"} | texts,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def probed(code: str = PROBE, **environment: object) -> tuple[bool, str, list[str]]:
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
    ok, reason, devices = json.loads(done.stdout)
    return ok, reason, devices


def test_missing() -> None:
    hidden = """
import importlib.util as util
real = util.find_spec
util.find_spec = lambda name, package=None: None if name == "cupy" else real(name, package)
"""
    ok, reason, _ = probed(hidden + PROBE, double=False)
    assert not ok
    assert "CuPy is not installed" in reason
    assert "pip install 'dlf[cuda]'" in reason
    assert "pip install 'dlf[cuda13]'" in reason


def test_no_driver() -> None:
    ok, reason, _ = probed(DOUBLE_DRIVER=0, DOUBLE_STATUS=35)
    assert not ok
    assert "no NVIDIA driver: libcuda was not found" in reason
    assert "install NVIDIA's driver" in reason


def test_no_driver_with_the_real_cupy() -> None:
    pytest.importorskip("cupy", reason="CuPy is not installed")
    import cupy

    if cupy.cuda.runtime.driverGetVersion():
        pytest.skip("this machine has a driver")
    ok, reason, _ = probed(double=False)
    assert not ok
    assert f"CuPy {cupy.__version__} is installed but there is no NVIDIA driver" in reason


@pytest.mark.parametrize("status", [0, 35])
def test_driver_too_old(status: int) -> None:
    ok, reason, _ = probed(DOUBLE_DRIVER=11080, DOUBLE_STATUS=status, DOUBLE_DEVICES=[CARD])
    assert not ok
    assert "supports CUDA 11.8 and is too old for CuPy 14.2.0, which runs on CUDA 12.9" in reason
    assert "update the driver" in reason


def test_an_older_minor_version_will_do() -> None:
    assert probed(DOUBLE_DRIVER=12020, DOUBLE_DEVICES=[CARD])[0]


def test_no_device() -> None:
    ok, reason, _ = probed(DOUBLE_STATUS=100)
    assert not ok
    assert "no device is visible to it (CUDA_VISIBLE_DEVICES is not set)" in reason


@pytest.mark.parametrize("environment", [{"DOUBLE_STATUS": 100}, {}])
def test_no_device_left(environment: dict[str, object]) -> None:
    ok, reason, _ = probed(CUDA_VISIBLE_DEVICES="", **environment)
    assert not ok
    assert "CUDA_VISIBLE_DEVICES='' leaves none; unset it" in reason


def test_import_broken() -> None:
    ok, reason, _ = probed(DOUBLE_IMPORT="\n====\nlibcudart.so.12: no such file\nmore")
    assert not ok
    assert "its import failed with ImportError: libcudart.so.12: no such file;" in reason
    assert "install it anew" in reason


def test_driver_in_trouble() -> None:
    ok, reason, _ = probed(DOUBLE_STATUS=999)
    assert not ok
    assert "could not ask the driver: CUDARuntimeError: status 999" in reason


def test_card_too_old() -> None:
    ok, reason, _ = probed(DOUBLE_DEVICES=[OLD])
    assert not ok
    assert "compute capability 7.0 or more is needed: device 0 is Quadro P5000 (15.8 GiB" in reason
    assert "CUDA_VISIBLE_DEVICES" not in reason
    assert "CUDA_VISIBLE_DEVICES=0,2 leaves it out" in probed(DOUBLE_DEVICES=[CARD, OLD, CARD])[1]


def test_no_compiler() -> None:
    ok, reason, _ = probed(DOUBLE_DEVICES=[CARD], DOUBLE_NVRTC="libnvrtc.so.12: not found")
    assert not ok
    assert "NVRTC (RuntimeError: libnvrtc.so.12: not found)" in reason
    assert "cupy-cuda12x[ctk]" in reason


def test_no_headers() -> None:
    ok, reason, _ = probed(DOUBLE_DEVICES=[CARD], DOUBLE_HEADERS="")
    assert not ok
    assert "does not find CUDA's headers (FileNotFoundError: no folder with" in reason
    assert "cupy-cuda12x[ctk]" in reason


def test_no_cublas() -> None:
    ok, reason, _ = probed(DOUBLE_DEVICES=[CARD], DOUBLE_CUBLAS='Failure finding "libcublas.so.12"')
    assert not ok
    assert "does not find CUDA's cuBLAS (ImportError: Failure finding" in reason
    assert "cupy-cuda12x[ctk]" in reason


def test_ok() -> None:
    ok, reason, devices = probed(DOUBLE_DEVICES=[CARD, CARD])
    assert (ok, reason) == (True, "")
    assert devices == ["NVIDIA H100 80GB HBM3 (79.2 GiB, compute capability 9.0)"] * 2


CLI = "from dlf_cli.main import main; sys.argv = ['dlf', *{}]; sys.exit(main())"


def test_bench_says_why_not(cuda_plugin: str) -> None:
    command = ["bench", "matmul", "--device", "cuda"]
    done = run(cuda_plugin + CLI.format(command), DOUBLE_DRIVER=0, DOUBLE_STATUS=35)
    assert done.returncode == 2, done
    assert "no NVIDIA driver" in done.stderr
    assert not done.stdout


def test_listed_with_its_reason(cuda_plugin: str) -> None:
    command = ["backends", "list", "--json"]
    done = run(cuda_plugin + CLI.format(command), DOUBLE_DRIVER=0, DOUBLE_STATUS=35)
    assert done.returncode == 0, done.stderr
    row = next(row for row in json.loads(done.stdout) if row["device"] == "cuda")
    assert row["state"] == "unavailable"
    assert "no NVIDIA driver: libcuda was not found" in row["reason"]
