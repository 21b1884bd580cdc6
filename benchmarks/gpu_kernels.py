"""Single ops on a card beside PyTorch's, for `gpu.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gpu_machine import PRECISIONS, precise
from gpu_times import beside, places, values

__all__ = ["bench", "fused", "products"]

Row = dict[str, Any]
Rows = Iterator[tuple[str, Callable[[], Row]]]
LOW = ("float16", "bfloat16")
ALL = ("float32", *LOW)


def products(seconds: float) -> Rows:
    """Square matrices of four sizes."""
    for size in (1024, 2048, 4096, 8192):
        for name in PRECISIONS:
            yield (
                f"{size} {name}",
                lambda size=size, name=name: {"precision": name, **precise(name, size, seconds)},
            )


@dataclass(frozen=True)
class Case:
    """An op to time.

    Args:
        make: gives, of the library and a dtype, the tensors to differentiate by and a function of
            no arguments that computes the result.
        bytes: least memory traffic in elements, forward, and forward with backward.
        flops: the same of arithmetic.
        dtypes: in which.
    """

    make: Callable[[Any, Any], tuple[list[Any], Callable[[], Any]]]
    bytes: tuple[float, float] = (0.0, 0.0)
    flops: tuple[float, float] = (0.0, 0.0)
    dtypes: tuple[str, ...] = ALL


ROWS, COLUMNS = 8192, 4096
COUNT = float(ROWS * COLUMNS)
IMAGES = (64, 64, 56, 56)
PIXELS = float(64 * 64 * 56 * 56)
TOKENS, WORDS, WIDTH = 32768, 32000, 768
HEADS = (8, 16, 1024, 64)


def _of_rows(function: Callable[..., Any], *more: tuple[int, ...]) -> Callable[..., Any]:
    """A case whose input has `ROWS` rows, and parameters of the shapes `more`."""

    def make(T: Any, dtype: Any) -> tuple[list[Any], Callable[[], Any]]:
        x = values(T, ROWS, COLUMNS).to(dtype).requires_grad_()
        rest = [T.ones(*shape).to(dtype).requires_grad_() for shape in more]
        return [x, *rest], lambda: function(T.nn.functional, x, *rest)

    return make


def _cross_entropy(T: Any, dtype: Any) -> Any:
    x = values(T, ROWS, COLUMNS).to(dtype).requires_grad_()
    y = places(T, ROWS, COLUMNS)
    return [x], lambda: T.nn.functional.cross_entropy(x, y)


def _batch_norm(T: Any, dtype: Any) -> Any:
    x = values(T, *IMAGES).to(dtype).requires_grad_()
    weight, bias = (T.ones(64).to(dtype).requires_grad_() for _ in range(2))
    batch_norm = T.nn.functional.batch_norm
    return [x, weight, bias], lambda: batch_norm(x, None, None, weight, bias, True)


def _max_pool(T: Any, dtype: Any) -> Any:
    x = values(T, *IMAGES).to(dtype).requires_grad_()
    return [x], lambda: T.nn.functional.max_pool2d(x, 2)


def _dropout(T: Any, dtype: Any) -> Any:
    x = values(T, 1024, 1024).to(dtype).requires_grad_()
    return [x], lambda: T.nn.functional.dropout(x, 0.1)


def _embedding(T: Any, dtype: Any) -> Any:
    weight = values(T, WORDS, WIDTH).to(dtype).requires_grad_()
    index = places(T, TOKENS, WORDS)
    return [weight], lambda: T.nn.functional.embedding(index, weight)


def _conv(T: Any, dtype: Any) -> Any:
    x = values(T, *IMAGES).to(dtype).requires_grad_()
    weight = values(T, 64, 64, 3, 3).to(dtype).requires_grad_()
    return [x, weight], lambda: T.nn.functional.conv2d(x, weight, padding=1)


def _attention(causal: bool) -> Callable[..., Any]:
    def make(T: Any, dtype: Any) -> tuple[list[Any], Callable[[], Any]]:
        qkv = [values(T, *HEADS).to(dtype).requires_grad_() for _ in range(3)]
        attend = T.nn.functional.scaled_dot_product_attention
        return qkv, lambda: attend(*qkv, is_causal=causal)

    return make


_CONV = 2.0 * PIXELS * 64 * 9
_ATTENTION = 4.0 * 8 * 16 * 1024 * 1024 * 64
CASES = {
    "softmax": Case(_of_rows(lambda F, x: F.softmax(x, -1)), (2 * COUNT, 5 * COUNT)),
    "log_softmax": Case(_of_rows(lambda F, x: F.log_softmax(x, -1)), (2 * COUNT, 5 * COUNT)),
    "cross_entropy": Case(_cross_entropy, (COUNT, 3 * COUNT)),
    "layer_norm": Case(
        _of_rows(lambda F, x, w, b: F.layer_norm(x, (COLUMNS,), w, b), (COLUMNS,), (COLUMNS,)),
        (2 * COUNT, 5 * COUNT),
    ),
    "rms_norm": Case(
        _of_rows(lambda F, x, w: F.rms_norm(x, (COLUMNS,), w), (COLUMNS,)), (2 * COUNT, 5 * COUNT)
    ),
    "batch_norm": Case(_batch_norm, (3 * PIXELS, 8 * PIXELS)),
    "gelu": Case(_of_rows(lambda F, x: F.gelu(x)), (2 * COUNT, 5 * COUNT)),
    "silu": Case(_of_rows(lambda F, x: F.silu(x)), (2 * COUNT, 5 * COUNT)),
    "add": Case(_of_rows(lambda F, x: x + x), (2 * COUNT, 4 * COUNT)),
    "dropout": Case(_dropout, (2.0 * 2**20, 4.0 * 2**20), dtypes=("float32",)),
    "embedding": Case(
        _embedding, (2.0 * TOKENS * WIDTH, 3.0 * TOKENS * WIDTH + 1.0 * WORDS * WIDTH)
    ),
    "max_pool2d": Case(_max_pool, (1.25 * PIXELS, 2.5 * PIXELS)),
    "conv2d": Case(_conv, flops=(_CONV, 3 * _CONV)),
    "attention": Case(_attention(False), flops=(_ATTENTION, 3.5 * _ATTENTION)),
    "causal attention": Case(_attention(True), flops=(_ATTENTION / 2, 1.75 * _ATTENTION)),
}


def fused(seconds: float) -> Rows:
    """Each case forward, and forward with backward; then Adam's update."""
    for name, case in CASES.items():
        for dtype in case.dtypes:
            for way in ("forward", "both"):
                run = _case(case, dtype, way == "both", seconds)
                yield f"{name} {dtype} {way}", run
    for name in ("SGD", "Adam", "AdamW"):
        yield f"{name} 64 tensors", lambda name=name: _update(name, seconds)


def _case(case: Case, dtype: str, both: bool, seconds: float) -> Callable[[], Row]:
    def make(T: Any) -> Callable[[], object]:
        leaves, forward = case.make(T, getattr(T, dtype))
        if not both:

            def plain() -> object:
                with T.no_grad():
                    return forward()

            return plain
        grad = T.ones_like(forward())

        def run() -> None:
            for leaf in leaves:
                leaf.grad = None
            forward().backward(grad)

        return run

    size = 4 if dtype == "float32" else 2
    row = {"precision": dtype} if case.flops[both] else {}
    given = {"bytes": size * case.bytes[both], "flops": case.flops[both]}
    return lambda: row | beside(make, seconds, **given)


def _update(name: str, seconds: float) -> Row:
    """One update of 16 Mi parameters."""
    count = 1 << 24

    def make(T: Any) -> Callable[[], object]:
        parameters = [T.nn.Parameter(values(T, count // 64)) for _ in range(64)]
        for parameter in parameters:
            parameter.grad = values(T, count // 64)
        options = {"momentum": 0.9} if name == "SGD" else {}
        return getattr(T.optim, name)(parameters, lr=1e-3, **options).step

    return beside(make, seconds, bytes=4.0 * count * (5 if name == "SGD" else 7))


def bench(seconds: float) -> Rows:
    """`dlf bench`, each in a process of its own."""
    for name in (
        "matmul",
        "softmax",
        "layer_norm",
        "conv2d",
        "scaled_dot_product_attention",
        "adam",
    ):
        yield f"dlf bench {name}", lambda name=name: _bench(name, seconds)


def _bench(name: str, seconds: float) -> Row:
    options = ["--device", "cuda", "--json", "--seconds", str(seconds)]
    command = [sys.executable, "-m", "dlf_cli", "bench", name, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}")
    found: Row = json.loads(done.stdout)
    return {"bench": found}
