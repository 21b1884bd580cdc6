"""What plugins that are installed but not used cost an op: ``a + b`` beside ten and beside none.

    python benchmarks/plugins_installed.py              # the ratio, with its spread
    python benchmarks/plugins_installed.py --rounds 40  # a closer one

Each measurement has a process of its own and the two kinds take turns, so that a machine that slows
down slows both. The ratio is the median of the ratios of neighbouring turns; 1.00 means no cost.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.plugin.packages import UNUSED, beside_others, unpack_packages

_MEASURE = """
import sys, time
import dlf

a, b = dlf.ones(1), dlf.ones(1)
beside = sum(name.startswith("dlf_unused") for name in sys.modules)
assert beside == int(sys.argv[1]), f"{beside} plugins were found"
times = []
for _ in range(40):
    begin = time.perf_counter()
    for _ in range(5000):
        a + b
    times.append((time.perf_counter() - begin) / 5000)
print(min(times))
"""


def seconds(folder: str, plugins: int) -> float:
    """Seconds of the fastest ``a + b`` in a process that has `folder` on its path."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(plugins)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": beside_others(folder), "OMP_NUM_THREADS": "1"},
    )
    return float(done.stdout)


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="turns of each kind (10)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        unpack_packages(Path(full), UNUSED)
        pairs = [(seconds(full, len(UNUSED)), seconds(empty, 0)) for _ in range(rounds)]
    ratios = sorted(ten / none for ten, none in pairs)
    ten, none = (statistics.median(column) * 1e9 for column in zip(*pairs, strict=True))
    print(
        f"op_add with {len(UNUSED)} plugins / with none: {statistics.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}); {ten:.0f} ns and {none:.0f} ns"
    )


if __name__ == "__main__":
    main()
