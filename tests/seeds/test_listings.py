"""Python listings of documents about PyTorch run unmodified on dlf and do what they do on PyTorch.

The documents lie beside the repository in `../shared/seeds`; no text of theirs is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import dlf
import dlf.utils.data
from tests.support.listings import Listing, Outcome, find_listings, run, split_numbers

SEEDS = Path(__file__).parents[2].parent / "shared" / "seeds"
LISTINGS = find_listings(SEEDS)
pytestmark = pytest.mark.skipif(not LISTINGS, reason=f"no documents in ../shared/seeds ({SEEDS})")

each_listing = pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.name)


def images(T: ModuleType) -> Any:
    return T.from_numpy(np.random.default_rng(1).standard_normal((16, 784)).astype(np.float32))


def labels(T: ModuleType) -> Any:
    return T.from_numpy(np.random.default_rng(2).integers(0, 10, 16))


def classifier(T: ModuleType) -> Any:
    nn = T.nn
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def batches(T: ModuleType) -> Any:
    data = T.utils.data
    return data.DataLoader(data.TensorDataset(images(T), labels(T)), batch_size=4)


SUPPLY = {
    "torch": lambda T: T,
    "nn": lambda T: T.nn,
    "input_data": images,
    "labels": labels,
    "net": classifier,
    "model": lambda T: T.nn.Linear(2, 3),
    "trainloader": batches,
}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings write files such as model.pth where they run."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def same_initial_values(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both libraries draw weights, data and order from the same NumPy streams."""
    for T in (dlf, torch):
        fix_initial_values(T, monkeypatch)
    yield


def fix_initial_values(T: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(layer: Any) -> None:
        rng = np.random.default_rng(layer.in_features)
        with T.no_grad():
            for parameter in (layer.weight, layer.bias):
                drawn = rng.uniform(-0.1, 0.1, tuple(parameter.shape)).astype(np.float32)
                parameter.copy_(T.from_numpy(drawn))

    def randn(*shape: int) -> Any:
        rng = np.random.default_rng(shape[-1])
        return T.from_numpy(rng.standard_normal(shape).astype(np.float32))

    def shuffled(sampler: Any) -> Iterator[int]:
        return iter(np.random.default_rng(0).permutation(len(sampler.data_source)).tolist())

    monkeypatch.setattr(T.nn.Linear, "reset_parameters", fill)
    monkeypatch.setattr(T, "randn", randn)
    monkeypatch.setattr(T.utils.data.RandomSampler, "__iter__", shuffled)


def both(listing: Listing) -> tuple[Outcome, Outcome]:
    """Run on dlf and on torch; the two must end alike, and not for want of a name."""
    ours, theirs = run(listing, dlf, SUPPLY), run(listing, torch, SUPPLY)
    assert not isinstance(theirs.error, NameError), f"supply this name: {theirs.error}"
    assert type(ours.error) is type(theirs.error), f"dlf: {ours.error!r}, torch: {theirs.error!r}"
    return ours, theirs


def test_every_listing_is_found() -> None:
    """Guards the extraction: a pattern that matches nothing would let every other test pass."""
    fences = sum(path.read_text("utf-8").count("```python") for path in SEEDS.glob("*"))
    assert sum(not listing.blanks for listing in LISTINGS) == fences


@each_listing
def test_prints_and_fails_as_on_torch(listing: Listing) -> None:
    """Weights are random here, so of the output only the text around the numbers is compared."""
    torch.manual_seed(0)
    dlf.manual_seed(0)
    ours, theirs = both(listing)
    got, expected = split_numbers(ours.stdout), split_numbers(theirs.stdout)
    assert got[0].replace("dlf", "torch") == expected[0]
    assert len(got[1]) == len(expected[1])


@each_listing
@pytest.mark.usefixtures("same_initial_values")
def test_gives_the_numbers_of_torch(listing: Listing) -> None:
    """From the same initial values: the same output, and the same tensors and weights left."""
    ours, theirs = both(listing)
    got, expected = split_numbers(ours.stdout), split_numbers(theirs.stdout)
    assert got[0] == expected[0]
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-4, atol=1e-4)
    for name, value in theirs.names.items():
        if isinstance(value, torch.Tensor):
            compare(ours.names[name], value, name)
        elif isinstance(value, torch.nn.Module):
            state = ours.names[name].state_dict()
            assert list(state) == list(value.state_dict())
            for key, tensor in value.state_dict().items():
                compare(state[key], tensor, f"{name}.{key}")


def compare(ours: dlf.Tensor, theirs: torch.Tensor, name: str) -> None:
    expected = theirs.detach().numpy()
    assert isinstance(ours, dlf.Tensor), name
    got = ours.detach().numpy()
    assert got.dtype == expected.dtype, name
    assert ours.requires_grad == theirs.requires_grad, name
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5, err_msg=name)
