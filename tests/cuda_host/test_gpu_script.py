"""`benchmarks/gpu.py`: what can be shown of it without a card."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cuda_host.child import run

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "benchmarks" / "gpu.py"

# Kernels of the processor stand for the card's own: what they replace reads indices on the host.
OWN = f"""
sys.path[:0] = [{str(REPOSITORY)!r}, {str(SCRIPT.parent)!r}]
import numpy as np
from cupy.functions import called
from dlf_numpy_cpu.kernels import kernels


def lifted(kernel):
    return lambda *args: called(kernel, args, {{}})


def embedding_backward(grad, indices, rows, padding_idx, scale_by_freq):
    out = np.zeros((rows, grad.shape[-1]), grad.dtype)
    np.add.at(out, indices, grad)
    return out


table = {{name: lifted(kernels()[name]) for name in ("nll", "nll_backward")}}
table |= {{name: lifted(kernels()[name]) for name in ("max_pool2d", "max_pool2d_backward")}}
table["embedding"] = lifted(lambda weight, indices, *_: weight[indices])
table["embedding_backward"] = lifted(embedding_backward)
CupyBackend._own = lambda self, modules: table
import dlf
"""


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_dry_run() -> None:
    done = script("--dry-run")
    assert done.returncode == 0, done.stderr
    for row in ("8192 bfloat16", "softmax float16 both", "gpt step", "digits losses"):
        assert f"  {row}\n" in done.stdout
    assert "conformance: `dlf conform cuda`; at most 200 s" in done.stdout
    assert "peaks" not in script("--dry-run", "--only", "steps").stdout


def test_no_card() -> None:
    """It says why, measures nothing and writes nothing."""
    done = script()
    assert done.returncode == 2, done
    assert done.stderr.startswith("no card: ")
    assert not done.stdout


def test_sections_are_apart(tmp_path: Path) -> None:
    """A section that fails, or whose process dies, costs its own rows only."""
    code = f"""
import sys
sys.argv = ["gpu.py", "--output", {str(tmp_path / "out.json")!r}]
sys.path.insert(0, {str(SCRIPT.parent)!r})
import gpu
gpu._unavailable = lambda: ""
def run(name, section, limit, seconds):
    assert limit <= section.limit
    rows = [{{"row": "copy", "GB/s": 2000.0}}] if name == "peaks" else []
    if name == "matmul":
        rates = {{"TFLOP/s": 50.0, "torch TFLOP/s": 100.0}}
        rows = [{{"row": "1024 tf32", "precision": "tf32", **rates}}]
    if name == "kernels":
        rows = [{{"row": "softmax", "GB/s": 1500.0}}, {{"row": "gelu", "error": "it broke"}}]
    return rows
gpu._run = run
sys.exit(gpu.main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    sections = json.loads((tmp_path / "out.json").read_text())["sections"]
    assert sections["kernels"][0]["share of copy"] == 0.75
    assert sections["matmul"][0]["share of matmul"] == 0.5
    assert "gelu: error it broke" in done.stdout


def test_children(tmp_path: Path) -> None:
    """Rows are written one by one; a process that ends early is told with its last words."""
    code = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import gpu
found = gpu._run("machine", gpu.SECTIONS["machine"], 20, 0.01)
assert [row["row"] for row in found] == ["card", "versions"], found
assert "error" in found[0] and found[1]["python"], found
late = gpu._run("machine", gpu.Section(None, 1), 2, 0.01)
assert late == [{{"row": "machine", "error": "no time was left"}}]
gpu.__file__ = {str(tmp_path / "dies.py")!r}
ended = gpu._run("machine", gpu.SECTIONS["machine"], 20, 0.01)
assert ended == [
    {{"row": "machine", "error": "the section's process ended with status 3: last words"}}
], ended
"""
    (tmp_path / "dies.py").write_text(
        "import os, sys\nprint('last words', file=sys.stderr, flush=True)\nos._exit(3)\n"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)


def test_steps(cuda_plugin: str) -> None:
    """The models' captured steps give the losses of their eager ones, without hidden waiting."""
    run(
        cuda_plugin,
        OWN
        + """
import gpu_steps
from dlf_cupy_gpu.waits import count_synchronizations
dlf.set_default_device("cuda")
for name in gpu_steps.MODELS:
    found = []
    for captured in (False, True):
        training, batch = gpu_steps._training(dlf, name)
        step = dlf.cuda.graph(training.step, warmup=1) if captured else training.step
        step(batch)
        with count_synchronizations() as counter:
            values = [step(batch).detach().clone() for _ in range(3)]
        assert not counter, (name, counter)
        found.append([value.item() for value in values])
        assert len(set(found[-1])) == 3
    assert found[0] == found[1], (name, found)
row = gpu_steps._compared("mlp", 0.01)
assert row["captured / torch eager"] if "torch eager ms" in row else row["dlf captured ms"] > 0
for label, measured in gpu_steps.losses(0.01):
    row = measured()
    assert row["largest relative difference"] < 1e-3, (label, row)
""",
    )


def test_kernels(cuda_plugin: str) -> None:
    """Every case of an op runs, in small."""
    run(
        cuda_plugin,
        OWN
        + """
import gpu_kernels
import gpu_machine
from gpu_times import ready
gpu_kernels.ROWS, gpu_kernels.IMAGES, gpu_kernels.HEADS = 2, (2, 64, 4, 4), (1, 2, 8, 4)
gpu_kernels.TOKENS, gpu_kernels.WORDS, gpu_kernels.WIDTH = 6, 5, 4
ready(dlf)
for name, case in gpu_kernels.CASES.items():
    for dtype in case.dtypes:
        leaves, forward = case.make(dlf, getattr(dlf, dtype))
        out = forward()
        assert out.device.type == "cuda" and out.dtype.name == dtype, (name, dtype)
        out.backward(dlf.ones_like(out))
        assert all(leaf.grad is not None for leaf in leaves), name
for precision in gpu_machine.PRECISIONS:
    row = gpu_machine.precise(precision, 16, 0.01)
    assert row["TFLOP/s"] > 0 and row["ms"] > 0
labels = [label for label, _ in gpu_kernels.fused(0.01)]
assert len(labels) == len(set(labels)) > 80
""",
    )
