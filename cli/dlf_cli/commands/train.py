"""`dlf train`: the whole way from a dataset's name to tested weights in a file."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dlf_cli.console import progress, say
from dlf_cli.device import device_option, open_device
from dlf_cli.group import choice
from dlf_cli.models import MODELS

if TYPE_CHECKING:
    import dlf
    from dlf import nn

__all__ = ["train"]

# Learning rates that suit the two models here better than the classes' defaults do.
_LR = {"adam": 3e-3, "adamw": 3e-3, "sgd": 0.1}


@click.command()
@click.argument("dataset")
@click.option(
    "--model", type=choice("model", *MODELS), default="cnn", show_default=True, help="mlp or cnn."
)
@click.option(
    "--optimizer", default="adam", show_default=True, help="A name of `dlf optimizers list`."
)
@click.option(
    "--lr",
    type=click.FloatRange(min=0, min_open=True),
    help="First learning rate; it falls to 0 as a cosine.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=15, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@device_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the dataset's files.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Weights; default DATASET-MODEL.dlf.",
)
def train(
    dataset: str,
    model: str,
    optimizer: str,
    lr: float | None,
    epochs: int,
    batch_size: int,
    where: str,
    seed: int,
    data: Path | None,
    output: Path | None,
) -> None:
    """Train a model on DATASET, test it, and save its weights."""
    import dlf
    from dlf import nn
    from dlf.utils.data import DataLoader

    output = output or Path(f"{dataset}-{model}.dlf")
    make_dataset, make_optimizer = _find(dataset, optimizer)
    _check_output(output)
    device = open_device(where)
    training, held_out = make_dataset(data, train=True), make_dataset(data, train=False)
    dlf.manual_seed(seed)
    from dlf_cli.models import build

    net = build(model, training.shape, len(training.classes)).to(device)
    lr = lr if lr is not None else _LR.get(optimizer)
    updates = (
        make_optimizer(net.parameters()) if lr is None else make_optimizer(net.parameters(), lr=lr)
    )
    schedule = dlf.optim.lr_scheduler.CosineAnnealingLR(updates, T_max=epochs)
    loader = DataLoader(training, batch_size=batch_size, shuffle=True)
    count = sum(parameter.numel() for parameter in net.parameters())
    say(f"{dataset}: {len(training):,} images to train on, {len(held_out):,} to test with")
    say(
        f"{model}: {count:,} parameters on {device}; {optimizer}, lr "
        f"{updates.param_groups[0]['lr']:g}, batches of {batch_size}"
    )
    begin = time.perf_counter()
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        loss, correct = _epoch(
            net, loader, updates, nn.CrossEntropyLoss(), device, f"epoch {epoch}/{epochs}"
        )
        schedule.step()
        spent = time.perf_counter() - start
        say(
            f"epoch {epoch:>{len(str(epochs))}}/{epochs}  loss {loss:.4f}  accuracy "
            f"{correct:7.2%}  {spent:.2f} s"
        )
        if not math.isfinite(loss):
            raise click.ClickException(
                f"the loss is {loss} in epoch {epoch}; try a smaller --lr. No weights were saved."
            )
    right = _count_right(net, held_out, device)
    share, spent = right / max(len(held_out), 1), time.perf_counter() - begin
    say(f"test accuracy {share:.2%} ({right} of {len(held_out)}) after {spent:.1f} s")
    dlf.save(net.cpu().state_dict(), output)
    say(f"weights saved to {output}")


def _find(dataset: str, optimizer: str) -> tuple[Any, Any]:
    """The dataset's function and the optimizer's class."""
    from dlf.errors import UnknownNameError
    from dlf.plugin.host import get_host

    datasets, optimizers = get_host().datasets(), get_host().optimizers()
    if dataset not in datasets:
        raise UnknownNameError.of("dataset", dataset, datasets)
    if optimizer not in optimizers:
        raise UnknownNameError.of("optimizer", optimizer, optimizers)
    return datasets[dataset].load(), optimizers[optimizer].load()


def _check_output(path: Path) -> None:
    """Refuse a place that cannot be written before the training, not after it."""
    if not path.parent.is_dir():
        raise click.UsageError(f"--output: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.UsageError(f"--output: {path} cannot be written")


def _epoch(
    net: nn.Module, loader: Any, updates: Any, criterion: nn.Module, device: dlf.device, label: str
) -> tuple[float, float]:
    """Train once on every image; gives the mean loss and the share classified right on the way."""
    net.train()
    total = correct = seen = 0.0
    with progress(label, len(loader)) as advance:
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            updates.zero_grad()
            logits = net(images)
            loss = criterion(logits, labels)
            loss.backward()
            updates.step()
            total += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
            advance()
    return total / seen, correct / seen


def _count_right(net: nn.Module, held_out: Any, device: dlf.device, batch: int = 500) -> int:
    import dlf

    net.eval()
    images, labels = held_out.tensors
    right = 0
    with dlf.no_grad():
        for start in range(0, len(labels), batch):
            logits = net(images[start : start + batch].to(device))
            right += int(
                (logits.argmax(1) == labels[start : start + batch].to(device)).sum().item()
            )
    return right
