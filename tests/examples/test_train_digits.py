"""The training example runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "train_digits.py"


def test_reaches_the_accuracy_of_the_readme() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--epochs", "15"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"test accuracy ([\d.]+)%", done.stdout)
    assert accuracy is not None, done.stdout
    assert float(accuracy[1]) >= 95
