"""Everything that a card can tell of the `cuda` device, in one run of less than 8 minutes.

    python benchmarks/gpu.py                      # all sections, into benchmarks/results/
    python benchmarks/gpu.py --only matmul steps  # some of them
    python benchmarks/gpu.py --dry-run            # what there is; needs no card

Beside dlf's times stand PyTorch's, where it is installed, with the ratio of the two: below 1.00 dlf
is the faster one. Rates are also given as shares of what the card reached in the same run: memory
traffic of the fastest copy, arithmetic of the fastest matrix product.

Every section runs in a process of its own with a time limit, and writes each row when it is
measured: what fails, hangs or breaks the card's context costs its own rows and no others. Exit
status: 0 if every row was measured, 1 if one failed, 2 if there is no card.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import gpu_conform
import gpu_kernels
import gpu_machine
import gpu_steps

HERE = Path(__file__).resolve().parent
Row = dict[str, Any]
Measured = Callable[[], Row]


@dataclass(frozen=True)
class Section:
    """Rows to measure.

    Args:
        rows: gives a label for each row and what measures it; `seconds` is how long each may take.
        limit: seconds for all of them.
        shards: processes that share the rows at the same time, for what is not timed.
    """

    rows: Callable[[float], Iterator[tuple[str, Measured]]]
    limit: float
    shards: int = 1
    about: str = field(default="", kw_only=True)


SECTIONS = {
    "machine": Section(gpu_machine.machine, 30, about="card, driver, versions"),
    # Compiles the kernels, several at a time, and so shortens what follows.
    "conformance": Section(gpu_conform.shards, 200, gpu_conform.SHARDS, about="`dlf conform cuda`"),
    "peaks": Section(gpu_machine.peaks, 40, about="fastest copy and matrix products"),
    "matmul": Section(gpu_kernels.products, 60, about="1024 to 8192 in four precisions"),
    "kernels": Section(gpu_kernels.fused, 90, about="forward, and forward with backward"),
    "steps": Section(gpu_steps.steps, 110, about="eager, compiled and captured training steps"),
    "losses": Section(gpu_steps.losses, 30, about="training on the card beside the CPU"),
    "bench": Section(gpu_kernels.bench, 60, about="`dlf bench` as users run it"),
}
TOTAL = 450.0


def main() -> int:
    given = _arguments()
    if given.section:
        return _child(given)
    chosen = {name: SECTIONS[name] for name in given.only or SECTIONS}
    if given.dry_run:
        for name, section in chosen.items():
            print(f"{name}: {section.about}; at most {section.limit:g} s")
            for label, _ in section.rows(given.seconds):
                print(f"  {label}")
        return 0
    reason = _unavailable()
    if reason:
        print(f"no card: {reason}", file=sys.stderr)
        return 2
    begin = time.monotonic()
    found: dict[str, list[Row]] = {}
    for name, section in chosen.items():
        left = given.total - (time.monotonic() - begin)
        print(f"{name} ...", flush=True)
        found[name] = _run(name, section, min(section.limit, left), given.seconds)
        for row in found[name]:
            print(f"  {_line(row)}", flush=True)
    _shares(found)
    took = time.monotonic() - begin
    report = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(took, 1)}
    target = given.output or _file(found)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report | {"sections": found}, indent=1) + "\n", "utf-8")
    print(f"{took:.0f} s; written to {target}")
    return int(any("error" in row for rows in found.values() for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="sections (default: all)")
    parser.add_argument("--dry-run", action="store_true", help="list the sections and their rows")
    parser.add_argument("--seconds", type=float, default=0.15, help="for each time (default: 0.15)")
    parser.add_argument("--total", type=float, default=TOTAL, help="seconds for all (default: 450)")
    parser.add_argument("--output", type=Path, help="the JSON file")
    for hidden in ("--section", "--into"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--shard", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _unavailable() -> str:
    """Why there is no card, asked in a child; empty if there is one."""
    code = "import dlf; dlf.ones(1, device='cuda')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    return next((line for line in reversed(done.stderr.splitlines()) if line), "no reason given")


# --------------------------------------------------------------------------- a section's processes
def _run(name: str, section: Section, limit: float, seconds: float) -> list[Row]:
    """The rows of a section, from processes that have `limit` seconds."""
    if limit < 5:
        return [{"row": name, "error": "no time was left"}]
    with tempfile.TemporaryDirectory(prefix="dlf-gpu-") as folder:
        until, shards = time.time() + limit, range(section.shards)
        files = [Path(folder) / str(shard) for shard in shards]
        children = []
        for shard, file in zip(shards, files, strict=True):
            named = ["--section", name, "--into", str(file), "--shard", str(shard)]
            timed = ["--until", str(until), "--seconds", str(seconds)]
            command = [sys.executable, str(Path(__file__)), *named, *timed]
            with open(f"{file}.err", "wb") as errors:
                children.append(subprocess.Popen(command, stderr=errors))
        ends = [_ended(child, until + 10) for child in children]
        rows = []
        for file, end in zip(files, ends, strict=True):
            rows += map(json.loads, file.read_text("utf-8").splitlines() if file.exists() else ())
            if end:
                words = Path(f"{file}.err").read_text("utf-8", "replace").split("\n")
                last = next((line for line in reversed(words) if line.strip()), "")
                rows.append({"row": name, "error": f"the section's process {end}: {last[:300]}"})
        return rows


def _ended(child: subprocess.Popen[bytes], until: float) -> str:
    """How a child went wrong; empty if it did not."""
    try:
        status = child.wait(max(0.0, until - time.time()))
    except subprocess.TimeoutExpired:
        child.kill()
        return "was ended after its time"
    return f"ended with status {status}" if status else ""


def _child(given: argparse.Namespace) -> int:
    """Measure a section's rows, or this shard's, and write each when it is done."""
    section = SECTIONS[given.section]
    with open(given.into, "w", encoding="utf-8") as file:
        for at, (label, measured) in enumerate(section.rows(given.seconds)):
            if at % section.shards != given.shard:
                continue
            row: Row = {"row": label}
            if time.time() > given.until:
                row["error"] = "no time was left"
            else:
                os.environ["DLF_GPU_UNTIL"] = str(given.until)
                try:
                    row |= measured()
                except Exception as error:
                    row["error"] = f"{type(error).__name__}: {str(error)[:500]}"
            print(json.dumps(row), file=file, flush=True)
    return 0


# --------------------------------------------------------------------------- the report
def _shares(found: dict[str, list[Row]]) -> None:
    """Set each rate against the peak of its kind."""
    peaks: dict[str, float] = {}
    for row in found.get("peaks", []) + found.get("matmul", []):
        if "TFLOP/s" in row and "precision" in row:
            best = max(row["TFLOP/s"], row.get("torch TFLOP/s", 0.0))
            peaks[row["precision"]] = max(peaks.get(row["precision"], 0.0), best)
        elif row["row"] == "copy" and "GB/s" in row:
            peaks["copy"] = row["GB/s"]
    for rows in found.values():
        for row in rows:
            if row["row"] != "copy" and "GB/s" in row and "copy" in peaks:
                row["share of copy"] = round(row["GB/s"] / peaks["copy"], 3)
            if "TFLOP/s" in row and row.get("precision") in peaks:
                row["share of matmul"] = round(row["TFLOP/s"] / peaks[row["precision"]], 3)


def _line(row: Row) -> str:
    shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items() if k != "row"}
    return f"{row['row']}: " + ", ".join(f"{k} {v}" for k, v in shown.items())


def _file(found: dict[str, list[Row]]) -> Path:
    card = next((row["card"] for row in found.get("machine", []) if "card" in row), "card")
    name = re.sub(r"[^a-z0-9]+", "-", str(card).lower()).strip("-")
    return HERE / "results" / f"gpu-{name}-{datetime.now(UTC):%Y-%m-%d}.json"


if __name__ == "__main__":
    sys.exit(main())
