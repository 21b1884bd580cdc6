"""`split`, `chunk`, `tensor_split` and `unbind`: gradients of all pieces, of some and of
overlapping ones beside PyTorch's, and writes to a piece or to what it came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import dlf

Use = Callable[[Any, Any], Any]

CASES: dict[str, Use] = {
    "split, all pieces": lambda T, x: sum((p * (i + 1)).sum() for i, p in enumerate(x.split(2, 1))),
    "split, the last piece": lambda T, x: (x.split([1, 3, 2], 1)[2] ** 2).sum(),
    "split, an empty piece": lambda T, x: (x.split([0, 4], 0)[1] ** 2).sum(),
    "chunk, one piece twice": lambda T, x: (x.chunk(3, 1)[1] * x.chunk(3, 1)[1]).sum(),
    "pieces of a piece": lambda T, x: (x.split(3, 1)[1].split(2, 0)[0] ** 3).sum(),
    "unbind": lambda T, x: (x.unbind(1)[4] * x.unbind(1)[0]).sum(),
    "unbind, dim 0 of three": lambda T, x: x.view(2, 2, 6).unbind(0)[1].pow(2).sum(),
    "rows in a loop": lambda T, x: sum((row * k).sum() for k, row in enumerate(x)),
    "tensor_split, overlapping": lambda T, x: (T.tensor_split(x, (4, 2), 1)[2] ** 2).sum(),
    "tensor_split, past the end": lambda T, x: (T.tensor_split(x, (4, 9), 1)[1] ** 2).sum(),
    "stack of unbind": lambda T, x: (T.stack(x.unbind(0)[::-1], 1) ** 3)[:, 1:].sum(),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_pytorchs(name: str) -> None:
    values = np.random.default_rng(0).standard_normal((4, 6))
    found = []
    for T in (dlf, torch):
        x = T.tensor(values, requires_grad=True)
        y = CASES[name](T, x)
        (first,) = T.autograd.grad(y, x, create_graph=True)
        second = T.zeros_like(x)
        if first.requires_grad:
            (second,) = T.autograd.grad(first.sum(), x)
        found.append([t.detach().numpy() for t in (y, first, second)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    "split", [lambda x: x.split(2), lambda x: x.unbind(0), lambda x: x.chunk(3)]
)
def test_pieces_share_a_node(split: Callable[[Any], Any]) -> None:
    x = dlf.arange(6.0, requires_grad=True)
    parents = {piece.grad_fn for piece in split(x)}
    assert len(parents) == 1


def test_a_write_to_the_source_reaches_the_pieces() -> None:
    x = dlf.arange(6.0, requires_grad=True)
    source = x * 1
    a, b = source.split(3)
    source.mul_(3)
    assert a.tolist() == [0.0, 3.0, 6.0]
    (a.sum() + 2 * b.sum()).backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0, 6.0, 6.0, 6.0]


def test_a_write_to_a_piece_reaches_the_source() -> None:
    x = dlf.arange(6.0)
    x.unbind(0)[4].fill_(9.0)
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0, 9.0, 5.0]
    needed = dlf.arange(6.0, requires_grad=True) * 1
    with pytest.raises(RuntimeError, match="one of several views"):
        needed.split(2)[0].mul_(2)


def test_unbind_needs_a_dimension() -> None:
    with pytest.raises(IndexError, match="tensor has no dimensions"):
        dlf.tensor(3.0).unbind(0)
