"""Freezes a generation of plugins: wheels that every later dlf of the same major has to run.

    python tests/golden/build.py 1.1

Run it when a release raises the kernel API's minor, once: the first time it copies the sources of
the generation before under the new version, to be changed so that they use what is new, and the
second time it builds their wheels. What is frozen is not changed again: a wheel that exists is
built only to be compared with.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
SOURCES, WHEELS, SUMS = HERE / "sources", HERE / "wheels", HERE / "wheels" / "SHA256SUMS"
_VERSION = re.compile(r'^version = ".*"$', re.MULTILINE)


def build(project: Path, into: Path) -> Path:
    """The wheel of `project`, the same bytes whenever the same hatchling builds it."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1735689600"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    before = set(into.glob("*.whl"))
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    (made,) = set(into.glob("*.whl")) - before
    return made


def generations() -> list[str]:
    """The kernel APIs that plugins are kept of, oldest first."""
    names = [path.name for path in SOURCES.iterdir() if path.is_dir()]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def begin(generation: str) -> None:
    """Copy the sources of the last generation, as version `generation`."""
    last = SOURCES / generations()[-1]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(last, SOURCES / generation, ignore=ignored)
    for file in (SOURCES / generation).glob("*/pyproject.toml"):
        file.write_text(_VERSION.sub(f'version = "{generation}"', file.read_text("utf-8")), "utf-8")


def freeze(generation: str) -> None:
    """Build the wheels of `generation`; SystemExit if one exists and is another."""
    with tempfile.TemporaryDirectory() as folder:
        for project in sorted((SOURCES / generation).iterdir()):
            made = build(project, Path(folder))
            kept = WHEELS / made.name
            if kept.exists() and kept.read_bytes() != made.read_bytes():
                raise SystemExit(f"{kept.name} is frozen and differs; restore sources/{generation}")
            shutil.copyfile(made, kept)
    lines = [
        f"{sha256(w.read_bytes()).hexdigest()}  {w.name}" for w in sorted(WHEELS.glob("*.whl"))
    ]
    SUMS.write_text("\n".join(lines) + "\n")


def main() -> None:
    """See the module."""
    if len(sys.argv) != 2 or not re.fullmatch(r"\d+\.\d+", sys.argv[1]):
        raise SystemExit("usage: python tests/golden/build.py MAJOR.MINOR")
    if sys.argv[1] in generations():
        freeze(sys.argv[1])
    else:
        begin(sys.argv[1])
        print(f"change what is new in {SOURCES / sys.argv[1]}, then run this again")


if __name__ == "__main__":
    main()
