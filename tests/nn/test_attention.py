"""scaled_dot_product_attention beside PyTorch's, in each dtype: values and gradients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

import dlf
from dlf.ops import attention as ops
from dlf.registry import registry

F = {dlf: dlf.nn.functional, torch: torch.nn.functional}
EPS = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}


def normal(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


@dataclass(frozen=True)
class Row:
    """A call: shapes of query, key and value, a mask (its gradient is wanted if it is floating),
    and options."""

    query: tuple[int, ...] = (2, 3, 5, 8)
    key: tuple[int, ...] = (2, 3, 7, 8)
    value: tuple[int, ...] = (2, 3, 7, 8)
    mask: Any = None
    options: dict[str, Any] = field(default_factory=dict)


HIDDEN = np.where(normal(5, 7) > 0.5, -np.inf, normal(5, 7, seed=1))
BLIND = HIDDEN.copy()
BLIND[1] = -np.inf  # this query sees nothing
SEEN = normal(2, 3, 5, 7) > -0.5
NONE_SEEN = SEEN.copy()
NONE_SEEN[1, 2, 3] = False

ROWS = {
    "plain": Row(),
    "two dimensions": Row((5, 8), (7, 8), (7, 8)),
    "value of another size": Row(value=(2, 3, 7, 5)),
    "scale": Row(options={"scale": 0.7}),
    "large scale": Row(options={"scale": 6.0}),
    "causal": Row(options={"is_causal": True}),
    "causal, more queries": Row((2, 3, 9, 8), options={"is_causal": True}),
    "causal, square": Row((2, 3, 7, 8), options={"is_causal": True}),
    "one key": Row(key=(2, 3, 1, 8), value=(2, 3, 1, 8)),
    "no query": Row((2, 3, 0, 8)),
    "float mask": Row(mask=normal(2, 3, 5, 7)),
    "mask by key": Row(mask=normal(2, 1, 1, 7)),
    "mask by query": Row(mask=normal(3, 5, 1)),
    "mask with infinities": Row(mask=HIDDEN),
    "mask that hides a row": Row(mask=BLIND),
    "bool mask": Row(mask=SEEN),
    "bool mask by key": Row(mask=SEEN[:, :1, :1]),
    "bool mask that hides a row": Row(mask=NONE_SEEN),
    "mask, scale": Row(mask=normal(5, 7), options={"scale": 0.3}),
    "grouped heads": Row((2, 6, 5, 8), (2, 3, 7, 8), (2, 3, 7, 4), options={"enable_gqa": True}),
    "grouped heads, causal": Row(
        (2, 4, 5, 8), (2, 1, 5, 8), (2, 1, 5, 8), options={"enable_gqa": True, "is_causal": True}
    ),
    "grouped heads, mask": Row((2, 6, 5, 8), mask=HIDDEN, options={"enable_gqa": True}),
    "no dropout": Row(options={"dropout_p": 0.0}),
}


def attend(T: Any, row: Row, dtype: str, given: str = "", wanted: str = "") -> list[Any]:
    """The result and the gradients by query, key, value and floating-point mask, as tensors.

    Inputs are rounded to `given` first; the mask may have a dtype of its own, `wanted`.
    """

    def leaf(host: np.ndarray[Any, Any], kind: str) -> Any:
        # By way of PyTorch, so that both libraries get the very same numbers.
        rounded = torch.tensor(host).to(getattr(torch, given or kind)).double().numpy()
        return T.tensor(rounded, dtype=getattr(T, kind)).requires_grad_()

    shapes = (row.query, row.key, row.value)
    inputs = [leaf(normal(*shape, seed=i), dtype) for i, shape in enumerate(shapes)]
    mask = None
    if row.mask is not None and row.mask.dtype == bool:
        mask = T.tensor(row.mask)
    elif row.mask is not None:
        mask = leaf(row.mask, wanted or dtype)
        inputs.append(mask)
    out = F[T].scaled_dot_product_attention(*inputs[:3], attn_mask=mask, **row.options)
    grad = torch.tensor(normal(*out.shape, seed=9)).to(getattr(torch, given or dtype)).double()
    out.backward(T.tensor(grad.numpy(), dtype=getattr(T, dtype)))
    return [out, *(t.grad for t in inputs)]


def numbers(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(tensor.detach().double().numpy())


def check(row: Row, dtype: str, mask_dtype: str = "") -> None:
    """Dtypes and shapes are PyTorch's, and values are not further from the exact ones than its."""
    ours, theirs = (attend(T, row, dtype, wanted=mask_dtype) for T in (dlf, torch))
    exact = attend(torch, row, "float64", given=dtype)
    for at, (mine, its, true) in enumerate(zip(ours, theirs, exact, strict=True)):
        assert tuple(mine.shape) == tuple(its.shape)
        assert str(mine.dtype).split(".")[-1] == str(its.dtype).split(".")[-1]
        got, other, want = map(numbers, (mine, its, true))
        assert np.array_equal(np.isnan(got), np.isnan(other)), f"NaN in result {at}"
        size = np.abs(want).max(initial=1)
        # Of 16 bits little more than the last rounding is lost, since all before it has 32.
        roundings = 4 if EPS[dtype] > 1e-4 else 256
        bound = 2 * np.abs(other - want).max(initial=0) + roundings * EPS[dtype] * size
        assert np.abs(got - want).max(initial=0) <= bound, f"result {at}"


@pytest.fixture(params=["kernels", "decompositions"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "decompositions":
        device = dlf.zeros(1).device
        kept = zip(registry, device.table, strict=True)
        monkeypatch.setattr(device, "table", [None if op.decomposes else k for op, k in kept])


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("name", ROWS)
def test_as_pytorch(name: str, dtype: str) -> None:
    check(ROWS[name], dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["float mask", "mask that hides a row", "grouped heads, mask"])
def test_a_float32_mask_beside_other_operands(name: str, dtype: str) -> None:
    ours, theirs = (attend(T, ROWS[name], dtype, wanted="float32") for T in (dlf, torch))
    for mine, its in zip(ours, theirs, strict=True):
        assert str(mine.dtype).split(".")[-1] == str(its.dtype).split(".")[-1]
        bound = 8 * EPS["float32" if dtype == "float64" else dtype]
        np.testing.assert_allclose(numbers(mine), numbers(its), rtol=bound, atol=4 * bound)


@pytest.mark.parametrize("query", ["float16", "float32"])
@pytest.mark.parametrize("mask", ["float16", "bfloat16", "float64", "int64"])
def test_dtypes_of_masks(query: str, mask: str) -> None:
    def call(T: Any) -> Any:
        q = T.ones(2, 3, dtype=getattr(T, query))
        return F[T].scaled_dot_product_attention(q, q, q, T.zeros(2, 2, dtype=getattr(T, mask)))

    if query == mask:
        assert call(dlf).dtype is getattr(dlf, query)
        return
    for T in (dlf, torch):
        with pytest.raises(RuntimeError, match="bool or float or to match query dtype"):
            call(T)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_long_rows_keep_their_digits(dtype: str) -> None:
    """The logarithm of many terms is large; rounded to the dtype it would spoil each weight."""
    row = Row((1, 2, 4, 8), (1, 2, 3000, 8), (1, 2, 3000, 8), options={"scale": 1.5})
    check(row, dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_of_the_logarithm(dtype: str) -> None:
    kind = getattr(dlf, dtype)
    wide = dlf.float64 if dtype == "float64" else dlf.float32
    q, k, v = (dlf.tensor(normal(2, 4, 8, seed=i), dtype=kind) for i in range(3))
    result, total = ops.flash_attention(q, k, v, None, False, 0.5)
    assert (result.dtype, total.dtype, total.shape) == (kind, wide, (2, 4, 1))
    scores = torch.tensor(numbers(q)) @ torch.tensor(numbers(k)).mT * 0.5
    want = scores.logsumexp(-1, keepdim=True).numpy()
    np.testing.assert_allclose(numbers(total), want, rtol=1e-6 if wide is dlf.float32 else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_gradient_by_the_logarithm(dtype: str) -> None:
    q, k = (normal(3, 4, seed=i) for i in range(2))
    found = []
    for T in (dlf, torch):
        kind = getattr(T, dtype)
        a, b = (T.tensor(x, dtype=kind).requires_grad_() for x in (q, k))
        if T is dlf:
            total = ops.flash_attention(a, b, b, None, True, 0.5)[1]
        else:
            scores = (a.float() if dtype == "bfloat16" else a) @ b.to(
                torch.float32 if dtype == "bfloat16" else kind
            ).mT
            hidden = torch.ones(3, 3).tril() == 0
            total = (scores * 0.5).masked_fill(hidden, -torch.inf).logsumexp(-1, keepdim=True)
        (total * T.arange(3).reshape(3, 1)).sum().backward()
        found.append([numbers(t.grad) for t in (a, b)])
    for mine, its in zip(*found, strict=True):
        np.testing.assert_allclose(mine, its, rtol=4 * EPS[dtype], atol=8 * EPS[dtype])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("with_mask", [False, True])
def test_differences(causal: bool, with_mask: bool) -> None:
    q, k, v, m = (
        dlf.tensor(normal(*shape), dtype=dlf.float64, requires_grad=True)
        for shape in ((2, 3, 4), (2, 5, 4), (1, 5, 2), (3, 5))
    )

    def call(q: Any, k: Any, v: Any, m: Any) -> Any:
        return ops.flash_attention(q, k, v, m if with_mask else None, causal, 0.5)

    inputs = (q, k, v, m) if with_mask else (q, k, v)
    run = call if with_mask else lambda q, k, v: call(q, k, v, None)
    assert dlf.autograd.gradcheck(run, inputs)
    assert dlf.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_kernels_of_the_first_api_go_on_working(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend's kernels for `attention` are used as they were, in a dtype that they know."""
    from dlf.dispatch import composed

    device = dlf.zeros(1).device
    called: list[tuple[str, str]] = []
    wanted = list(device.table)
    for name in ("attention", "attention_backward"):
        op = registry[name]
        kernel = composed(op, device)

        def seen(*args: Any, name: str = name, kernel: Any = kernel) -> Any:
            kinds = {a.dtype.name for a in args if hasattr(a, "shape")}
            assert len(kinds) == 1, "a kernel gets arrays of one dtype"
            called.append((name, kinds.pop()))
            return kernel(*args)

        wanted[op.slot] = seen
    monkeypatch.setattr(device, "table", wanted)
    check(ROWS["mask with infinities"], dtype)
    wide = "float64" if dtype == "float64" else "float32"
    assert called == [("attention", wide), ("attention_backward", wide)]


def test_a_kernel_gets_the_results_of_the_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlf.dispatch import composed

    device = dlf.zeros(1).device
    op = registry["flash_attention_backward"]
    kernel, given = composed(op, device), []

    def seen(*args: Any) -> Any:
        given.append(dict(zip(op.params, args, strict=True)))
        return kernel(*args)

    table = list(device.table)
    table[op.slot] = seen
    monkeypatch.setattr(device, "table", table)
    q = dlf.tensor(normal(2, 3, 4), dtype=dlf.bfloat16, requires_grad=True)
    result, total = ops.flash_attention(q, q, q, None, False, 0.5)
    result.sum().backward()
    (one,) = given
    assert one["output"] is result._data
    assert one["logsumexp"] is total._data
    assert one["logsumexp"].dtype == np.float32
