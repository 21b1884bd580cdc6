"""Benchmarks of single ops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dlf_cli.bench.cases import Case, Setup, Work
from dlf_cli.declared import declared_ops

if TYPE_CHECKING:
    import dlf

__all__ = ["cases"]

Function = Callable[..., Any]
# 64 MiB of float32: more than most caches hold.
_ELEMENTS = 1 << 24
_INTEGER = {"bit_and", "bit_or", "bit_xor", "shl", "shr"}
_REDUCTIONS = (
    *("sum", "prod", "mean", "amax", "amin", "max", "min", "argmax", "argmin"),
    *("std", "var", "logsumexp", "norm"),
)
_ROWS = ("softmax", "log_softmax", "cumsum", "cumprod", "sort")
_ACTIVATIONS = (
    *("relu", "gelu", "silu", "sigmoid", "tanh", "elu", "leaky_relu", "softplus", "hardtanh"),
    *("hardswish", "mish", "selu"),
)


def cases() -> Iterator[Case]:
    """Ops with a recipe below, and every other op of one or two tensors of one shape."""
    recipes = {case.name: case for case in [*_contractions(), *_memory(), *_neural()]}
    for name in _REDUCTIONS:
        recipes[name] = _elementwise(name, _reduce)
    for name in _ROWS:
        recipes[name] = _elementwise(name, _rows)
    for name in _ACTIVATIONS:
        recipes.setdefault(name, _elementwise(name, _unary))
    for op in declared_ops().values():
        if op.params == ("input",):
            recipes.setdefault(op.name, _elementwise(op.name, _unary))
        elif op.params == ("input", "other"):
            recipes.setdefault(op.name, _elementwise(op.name, _binary))
    yield from (
        case
        for name, case in sorted(recipes.items())
        if case.kind == "op" and _function(name) is not None
    )


def _function(name: str) -> Function | None:
    """The public function of that name; ops may go by PyTorch's spelling."""
    import dlf

    spelt = {
        "bit_and": "bitwise_and",
        "bit_or": "bitwise_or",
        "bit_xor": "bitwise_xor",
        "mod": "remainder",
    }
    spelt |= {"shl": "bitwise_left_shift", "shr": "bitwise_right_shift", "floordiv": "floor_divide"}
    for place in (dlf, dlf.nn.functional):
        found = getattr(place, spelt.get(name, name), None)
        if callable(found):
            return found
    return None


def _need(name: str) -> Function:
    found = _function(name)
    assert found is not None, name
    return found


def _elementwise(name: str, build: Callable[[str, Setup, int], Work]) -> Case:
    dtype = "int32" if name in _INTEGER else "float32"
    return Case(name, "op", "GB/s", _ELEMENTS, "elements", partial(build, name), dtype)


def _random(setup: Setup, *shape: int) -> dlf.Tensor:
    """Values from 0.1 to 0.9, where every function is defined; whole numbers from 1 to 7."""
    import dlf

    continuous = setup.dtype.is_floating_point or setup.dtype.is_complex
    made = dlf.rand(*shape) * 0.8 + 0.1 if continuous else dlf.randint(1, 8, shape)
    moved: dlf.Tensor = made.to(setup.device, setup.dtype)
    return moved


def _bytes(*tensors: Any) -> float:
    """Bytes of all tensors among `tensors`, tuples looked into."""
    total = 0.0
    for one in tensors:
        if isinstance(one, (tuple, list)):
            total += _bytes(*one)
        elif hasattr(one, "numel"):
            total += one.numel() * one.dtype.itemsize
    return total


def _moving(run: Callable[[], Any], *inputs: Any) -> Work:
    """Work that reads its inputs once and writes its result once."""
    return Work(run, bytes=_bytes(*inputs, run()))


def _square(size: int) -> tuple[int, int]:
    """About `size` elements in rows of at most 1024."""
    columns = min(1024, size)
    return max(1, size // columns), columns


def _unary(name: str, setup: Setup, size: int) -> Work:
    f, x = _need(name), _random(setup, size)
    return _moving(lambda: f(x), x)


def _binary(name: str, setup: Setup, size: int) -> Work:
    f, x, y = _need(name), _random(setup, size), _random(setup, size)
    return _moving(lambda: f(x, y), x, y)


def _reduce(name: str, setup: Setup, size: int) -> Work:
    f, x = _need(name), _random(setup, *_square(size))
    if name == "norm":
        return _moving(lambda: f(x), x)
    return _moving(lambda: f(x, dim=1), x)


def _rows(name: str, setup: Setup, size: int) -> Work:
    f, x = _need(name), _random(setup, *_square(size))
    return _moving(lambda: f(x, dim=1), x)


def _contractions() -> Iterator[Case]:
    def product(batch: Sequence[int], name: str, setup: Setup, n: int) -> Work:
        f, a, b = _need(name), _random(setup, *batch, n, n), _random(setup, *batch, n, n)
        return Work(lambda: f(a, b), flops=2.0 * math.prod(batch) * n**3)

    def attention(setup: Setup, length: int) -> Work:
        f = _need("scaled_dot_product_attention")
        q, k, v = (_random(setup, 4, 8, length, 64) for _ in range(3))
        return Work(lambda: f(q, k, v), flops=4.0 * 4 * 8 * length**2 * 64)

    def convolution(dims: int, setup: Setup, batch: int) -> Work:
        f, edge = _need(f"conv{dims}d"), (1024, 32, 12)[dims - 1]
        x, w = _random(setup, batch, 32, *[edge] * dims), _random(setup, 64, 32, *[3] * dims)
        return Work(lambda: f(x, w, None, 1, 1), flops=2.0 * batch * edge**dims * 64 * 32 * 3**dims)

    yield Case("matmul", "op", "GFLOP/s", 1024, "rows and columns", partial(product, (), "matmul"))
    yield Case("mm", "op", "GFLOP/s", 1024, "rows and columns", partial(product, (), "mm"))
    yield Case("linear", "op", "GFLOP/s", 1024, "rows and columns", partial(product, (), "linear"))
    yield Case(
        "bmm", "op", "GFLOP/s", 128, "rows and columns, 32 matrices", partial(product, (32,), "bmm")
    )
    yield Case(
        "scaled_dot_product_attention", "op", "GFLOP/s", 256, "length, 4 x 8 heads of 64", attention
    )
    for dims, shape in ((1, "32x1024"), (2, "32x32x32"), (3, "32x12x12x12")):
        yield Case(
            f"conv{dims}d",
            "op",
            "GFLOP/s",
            16,
            f"images {shape}, 64 kernels of 3",
            partial(convolution, dims),
        )


def _memory() -> Iterator[Case]:
    def one(
        name: str, shaped: Callable[[Function, dlf.Tensor], Any], setup: Setup, size: int
    ) -> Work:
        f, x = _need(name), _random(setup, *_square(size))
        return _moving(lambda: shaped(f, x), x)

    def gathered(name: str, setup: Setup, size: int) -> Work:
        import dlf

        f, x = _need(name), _random(setup, *_square(size))
        rows = dlf.randperm(x.shape[0]).to(setup.device)
        if name == "index_select":
            return _moving(lambda: f(x, 0, rows), x, rows)
        index = rows.reshape(-1, 1).expand(*x.shape).contiguous()
        return _moving(lambda: f(x, 0, index), x, index)

    def select(setup: Setup, size: int) -> Work:
        f, x, y = _need("where"), _random(setup, size), _random(setup, size)
        mask = x > y
        return _moving(lambda: f(mask, x, y), mask, x, y)

    shapes: dict[str, Callable[[Function, Any], Any]] = {
        "clone": lambda f, x: f(x),
        "concat": lambda f, x: f((x, x), 0),
        "cat": lambda f, x: f((x, x), 0),
        "flip": lambda f, x: f(x, (0,)),
        "permute": lambda f, x: f(x, (1, 0)).contiguous(),
        "transpose": lambda f, x: f(x, 0, 1).contiguous(),
        "clamp": lambda f, x: f(x, 0.2, 0.8),
        "topk": lambda f, x: f(x, 8),
        "pow": lambda f, x: f(x, 1.7),
    }
    for name, shaped in shapes.items():
        yield Case(name, "op", "GB/s", _ELEMENTS, "elements", partial(one, name, shaped))
    yield Case("where", "op", "GB/s", _ELEMENTS, "elements", select)
    for name in ("index_select", "gather"):
        yield Case(name, "op", "GB/s", _ELEMENTS, "elements", partial(gathered, name))


def _neural() -> Iterator[Case]:
    def norm(name: str, setup: Setup, size: int) -> Work:
        f, x = _need(name), _random(setup, *_square(size))
        return _moving(lambda: f(x, x.shape[1:]), x)

    def batch_norm(setup: Setup, size: int) -> Work:
        import dlf

        f, x = _need("batch_norm"), _random(setup, max(1, size // 65536), 64, 32, 32)
        mean, var = (
            dlf.zeros(64).to(setup.device, setup.dtype),
            dlf.ones(64).to(setup.device, setup.dtype),
        )
        return _moving(lambda: f(x, mean, var, None, None, True), x)

    def pool(name: str, setup: Setup, size: int) -> Work:
        f, x = _need(name), _random(setup, max(1, size // 65536), 64, 32, 32)
        return _moving(lambda: f(x, 2), x)

    def cross_entropy(setup: Setup, size: int) -> Work:
        import dlf

        f, x = _need("cross_entropy"), _random(setup, *_square(size))
        target = dlf.randint(0, x.shape[1], (x.shape[0],)).to(setup.device)
        return _moving(lambda: f(x, target), x, target)

    def embedding(setup: Setup, size: int) -> Work:
        import dlf

        f, table = _need("embedding"), _random(setup, 10_000, 256)
        index = dlf.randint(0, 10_000, (max(1, size // 256),)).to(setup.device)
        out = f(index, table)
        return Work(lambda: f(index, table), bytes=2 * _bytes(out) + _bytes(index))

    yield Case("batch_norm", "op", "GB/s", _ELEMENTS, "elements", batch_norm)
    yield Case("cross_entropy", "op", "GB/s", _ELEMENTS, "elements", cross_entropy)
    yield Case("embedding", "op", "GB/s", _ELEMENTS, "elements", embedding)
    for name in ("layer_norm", "rms_norm"):
        yield Case(name, "op", "GB/s", _ELEMENTS, "elements", partial(norm, name))
    for name in ("max_pool2d", "avg_pool2d"):
        yield Case(name, "op", "GB/s", _ELEMENTS, "elements", partial(pool, name))
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss"):
        yield Case(name, "op", "GB/s", _ELEMENTS, "elements", partial(_binary, name))
