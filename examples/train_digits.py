"""Train an MLP on the 1,797 handwritten digits that dlf brings along.

    python examples/train_digits.py
    python examples/train_digits.py --device sim:1 --epochs 5

What `dlf train digits` does, written out: it needs nothing from the command-line program.
"""

from __future__ import annotations

import argparse

import dlf
import dlf.nn.functional as F
from dlf import nn
from dlf.plugin import get_host
from dlf.utils.data import DataLoader, Dataset


def accuracy(model: nn.Module, data: Dataset, device: dlf.device) -> float:
    """Share of the examples in `data` whose largest output is the label's."""
    right = 0
    model.eval()
    with dlf.no_grad():
        for images, labels in DataLoader(data, batch_size=256):
            guesses = model(images.to(device)).argmax(1)
            right += int((guesses == labels.to(device)).sum().item())
    return right / len(data)


def main() -> None:
    options = argparse.ArgumentParser(description="train an MLP on the digits")
    options.add_argument("--device", default="cpu")
    options.add_argument("--epochs", type=int, default=30)
    options.add_argument("--seed", type=int, default=0)
    args = options.parse_args()

    dlf.manual_seed(args.seed)
    device = dlf.device(args.device)
    load = get_host().datasets()["digits"].load()
    train, test = load(train=True), load(train=False)

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    model.to(device)
    optimizer = dlf.optim.AdamW(model.parameters(), lr=3e-3)

    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for images, labels in DataLoader(train, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        print(f"epoch {epoch:2d}  loss {total / len(train):.4f}")
    print(f"test accuracy {accuracy(model, test, device):.2%}")


if __name__ == "__main__":
    main()
