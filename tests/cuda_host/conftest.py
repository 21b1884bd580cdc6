"""What the tests of the `cuda` device on machines without a card share."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def cuda_plugin(tmp_path: Path) -> str:
    """Code that makes the `cuda` plugin known to a child, where the installation does not name it.

    It gives a distribution of its own the entry point.
    """
    from importlib.metadata import entry_points

    if any(one.name == "cupy_gpu" for one in entry_points(group="dlf")):
        return "import sys\n"
    information = tmp_path / "dlf_cupy_gpu_for_tests-0.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: dlf-cupy-gpu-for-tests\nVersion: 0.1\n"
    )
    (information / "entry_points.txt").write_text("[dlf]\ncupy_gpu = dlf_cupy_gpu.plugin\n")
    places = [str(tmp_path), str(REPOSITORY / "backends" / "cupy_gpu")]
    return f"import sys; sys.path[:0] = {places!r}\n"
