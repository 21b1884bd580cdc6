"""dlf against PyTorch on the same work, in one run.

    python benchmarks/side_by_side.py                     # all rows
    python benchmarks/side_by_side.py add gpt --rounds 9  # some of them
    python benchmarks/side_by_side.py --markdown          # as a table for a document

Each library has a process of its own and the two take turns, so that a machine that slows down
slows both; a row's ratio is the median of the ratios of neighbouring turns. Below 1.00 dlf is the
faster one.
Absolute times hold for one machine; ratios travel better.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.parity.models import SPECS

LIBRARIES = ("dlf", "torch")
TURN = 0.15  # seconds of work between two changes of library

Work = Callable[[], object]


def add(T: ModuleType) -> Work:
    a, b = T.ones(1), T.ones(1)
    return lambda: a + b


def add_recorded(T: ModuleType) -> Work:
    a, b = T.ones(1, requires_grad=True), T.ones(1)
    return lambda: a + b


def chain_backward(T: ModuleType) -> Work:
    a = T.ones(4, requires_grad=True)

    def run() -> None:
        x = a
        for _ in range(16):
            x = x * 1.01 + 0.1
        x.sum().backward()
        a.grad = None

    return run


def matmul(T: ModuleType) -> Work:
    a, b = T.randn(1024, 1024), T.randn(1024, 1024)
    return lambda: a @ b


def gelu(T: ModuleType) -> Work:
    x = T.randn(1 << 20)
    return lambda: T.nn.functional.gelu(x)


def softmax(T: ModuleType) -> Work:
    x = T.randn(1024, 1024)
    return lambda: T.nn.functional.softmax(x, -1)


def layer_norm_training(T: ModuleType) -> Work:
    layer, x = T.nn.LayerNorm(512), T.randn(1024, 512, requires_grad=True)

    def run() -> None:
        layer(x).sum().backward()
        x.grad = None

    return run


def adam_1m(T: ModuleType) -> Work:
    parameters = [T.nn.Parameter(T.randn(1000, 250)) for _ in range(4)]
    for parameter in parameters:
        parameter.grad = T.randn(1000, 250)
    return T.optim.Adam(parameters, lr=1e-3).step  # type: ignore[no-any-return]  # T is any library


def _training(name: str) -> Callable[[ModuleType], Work]:
    def build(T: ModuleType) -> Work:
        import numpy as np

        training = SPECS[name].build(T)
        batch = SPECS[name].batch(np.random.default_rng(0))
        return lambda: training.step(batch)

    return build


WORK: dict[str, Callable[[ModuleType], Work]] = {
    f.__name__: f
    for f in (
        add,
        add_recorded,
        chain_backward,
        matmul,
        gelu,
        softmax,
        layer_norm_training,
        adam_1m,
    )
} | {f"{name}_step": _training(name) for name in SPECS}


def serve(library: str, threads: int) -> None:
    """Answer ``load NAME`` and ``time`` on standard input until it ends."""
    T = importlib.import_module(library)
    T.set_num_threads(threads)
    run: Work = int
    calls = 1
    for line in sys.stdin:
        command, _, name = line.strip().partition(" ")
        if command == "load":
            T.manual_seed(0)
            run = WORK[name](T)
            for _ in range(3):
                run()
            start = time.perf_counter()
            run()
            calls = max(1, min(20000, int(TURN / max(time.perf_counter() - start, 1e-7))))
            print("ready", flush=True)
        else:
            start = time.perf_counter()
            for _ in range(calls):
                run()
            print((time.perf_counter() - start) / calls * 1e6, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=", ".join(WORK))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.threads)
        return
    for name in options.names:
        if name not in WORK:
            parser.error(f"unknown row {name!r}; known: {', '.join(WORK)}")
    threads = str(options.threads)
    limits = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    workers = {
        library: subprocess.Popen(
            [sys.executable, __file__, "--serve", library, "--threads", threads],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | limits,
        )
        for library in LIBRARIES
    }

    def ask(library: str, message: str) -> str:
        worker = workers[library]
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(message + "\n")
        worker.stdin.flush()
        answer = worker.stdout.readline().strip()
        if not answer:
            sys.exit(f"{library} failed on {message!r}; its error is above")
        return answer

    if options.markdown:
        print("| work | dlf, µs | PyTorch, µs | dlf / PyTorch |\n|---|---:|---:|---:|")
    for name in options.names or WORK:
        for library in LIBRARIES:
            ask(library, f"load {name}")
        turns = [tuple(float(ask(x, "time")) for x in LIBRARIES) for _ in range(options.rounds)]
        ours, theirs = (statistics.median(t[i] for t in turns) for i in (0, 1))
        ratio = statistics.median(a / b for a, b in turns)
        if options.markdown:
            print(f"| {name} | {ours:,.1f} | {theirs:,.1f} | {ratio:.2f} |", flush=True)
        else:
            print(f"{name:22}{ours:14,.1f}{theirs:14,.1f}{ratio:8.2f}", flush=True)
    for worker in workers.values():
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    main()
