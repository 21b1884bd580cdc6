"""Training steps that must not wait for the device, each made on a device that is given.

Imported by the tests and, over the stand-in of CuPy, by their children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dlf
from dlf import nn

__all__ = ["CLIPS", "MODELS", "OPS", "OPTIMIZERS", "STEPS", "late"]

F = nn.functional
Step = Callable[[], Any]
Make = Callable[[str], Step]

CLASSES, WORDS, WIDTH, LENGTH = 4, 11, 8, 5


def late(device: str, *shape: int, below: int = 0) -> Any:
    """Numbers on `device`: normal ones, or whole ones from 0 to `below` - 1."""
    drawn = dlf.randint(below, shape) if below else dlf.randn(*shape)
    return drawn.to(device)


class Attention(nn.Module):
    """A block of a transformer, with dropout of weights and results."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.norm, self.qkv = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH)
        self.out, self.drop = nn.Linear(WIDTH, WIDTH), nn.Dropout(p)

    def forward(self, x: Any) -> Any:
        heads = (
            t.unflatten(-1, (2, -1)).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, -1)
        )
        p = self.p if self.training else 0.0
        y = F.scaled_dot_product_attention(*heads, dropout_p=p, is_causal=True)
        return x + self.drop(self.out(y.transpose(1, 2).flatten(2)))


class Gpt(nn.Module):
    """Embeddings, two blocks, and logits of the next token."""

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(Attention(p), Attention(p))
        self.feed = nn.Sequential(nn.Linear(WIDTH, 16), nn.GELU(), nn.Linear(16, WIDTH))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, tokens: Any) -> Any:
        x = self.token(tokens) + self.position(dlf.arange(LENGTH, device=tokens.device))
        x = self.blocks(x)
        return self.head(self.norm(x + self.feed(x))).transpose(1, 2)


class Lstm(nn.Module):
    """An LSTM over a sequence, of which the last state is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, WIDTH, num_layers=2), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0][-1])


def _cnn() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3),
        nn.GroupNorm(2, 4),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4, CLASSES),
    )


def _mlp(p: float = 0.0) -> Any:
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Dropout(p), nn.LayerNorm(8), nn.Linear(8, CLASSES)
    )


def _batch(*shape: int) -> Callable[[str], tuple[Any, Any]]:
    return lambda device: (late(device, 3, *shape), late(device, 3, below=CLASSES))


def _text(device: str) -> tuple[Any, Any]:
    return late(device, 2, LENGTH, below=WORDS), late(device, 2, LENGTH, below=WORDS)


def _sequence(device: str) -> tuple[Any, Any]:
    return late(device, 4, 3, 3), late(device, 3, below=CLASSES)


# Model, and what it is trained with.
MODELS: dict[str, tuple[Callable[[], Any], Callable[[str], tuple[Any, Any]]]] = {
    "mlp": (_mlp, _batch(6)),
    "mlp, dropout": (lambda: _mlp(0.3), _batch(6)),
    "cnn": (_cnn, _batch(1, 8, 8)),
    "gpt": (Gpt, _text),
    "gpt, dropout": (lambda: Gpt(0.2), _text),
    "lstm": (Lstm, _sequence),
}

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: dlf.optim.SGD(p, lr=0.1),
    "SGD, momentum": lambda p: dlf.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: dlf.optim.Adam(p, amsgrad=True),
    "AdamW": lambda p: dlf.optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: dlf.optim.RMSprop(p, momentum=0.9, centered=True),
    "Adagrad": lambda p: dlf.optim.Adagrad(p, lr_decay=0.1),
}

CLIPS: dict[str, Callable[[Any], Any]] = {
    "no clipping": lambda p: None,
    "clip_grad_norm_": lambda p: nn.utils.clip_grad_norm_(p, 0.1),
    "clip_grad_norm_, inf": lambda p: nn.utils.clip_grad_norm_(p, 0.1, norm_type=float("inf")),
    "clip_grad_value_": lambda p: nn.utils.clip_grad_value_(p, 0.01),
}

SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: dlf.optim.lr_scheduler.StepLR(o, 1),
    "CosineAnnealingLR": lambda o: dlf.optim.lr_scheduler.CosineAnnealingLR(o, 9),
    "OneCycleLR": lambda o: dlf.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=9),
}


def _training(model: str, optimizer: str, clip: str = "no clipping", scheduler: str = "") -> Make:
    def make(device: str) -> Step:
        build, data = MODELS[model]
        net = build().to(device)
        x, y = data(device)
        parameters = list(net.parameters())
        update = OPTIMIZERS[optimizer](parameters)
        rates = SCHEDULERS[scheduler](update) if scheduler else None

        def step() -> Any:
            update.zero_grad()
            loss = F.cross_entropy(net(x), y, ignore_index=1, label_smoothing=0.1)
            loss.backward()
            CLIPS[clip](parameters)
            update.step()
            if rates is not None:
                rates.step()
            return loss

        return step

    return make


def _trainings() -> Iterator[tuple[str, Make]]:
    """Each model, and with one of them each of the other parts."""
    for model in MODELS:
        for optimizer in ("SGD", "AdamW"):
            yield f"{model}, {optimizer}", _training(model, optimizer)
    for optimizer in OPTIMIZERS:
        yield f"mlp with {optimizer}", _training("mlp", optimizer)
    for clip in CLIPS:
        for model in ("mlp", "cnn", "gpt"):
            yield f"{model}, {clip}", _training(model, "Adam", clip)
    for scheduler in SCHEDULERS:
        yield f"mlp, {scheduler}", _training("mlp", "SGD, momentum", scheduler=scheduler)


def _accumulated(device: str) -> Step:
    """Gradients of two batches, cleared by zeros."""
    net = _mlp().to(device)
    batches = [_batch(6)(device) for _ in range(2)]
    optimizer = dlf.optim.Adam(net.parameters())

    def step() -> Any:
        optimizer.zero_grad(set_to_none=False)
        for x, y in batches:
            (F.cross_entropy(net(x), y) / 2).backward()
        optimizer.step()
        return optimizer.param_groups[0]["params"][0]

    return step


def _in_bfloat16(device: str) -> Step:
    net = _cnn().to(device)
    x, y = _batch(1, 8, 8)(device)
    optimizer = dlf.optim.SGD(net.parameters(), lr=0.1)

    def step() -> Any:
        optimizer.zero_grad()
        with dlf.autocast(device.partition(":")[0], dtype=dlf.bfloat16):
            loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _op(function: Callable[..., Any], *shapes: Any) -> Make:
    """A step of forward and backward of a function of tensors on the device.

    A shape is that of normal numbers; one of a shape and a bound is of whole ones.
    """

    def make(device: str) -> Step:
        inputs = [
            late(device, *s[0], below=s[1]) if s and isinstance(s[0], tuple) else late(device, *s)
            for s in shapes
        ]

        def step() -> Any:
            taken = [
                x.detach().requires_grad_() if x.dtype.is_floating_point else x for x in inputs
            ]
            out = function(*taken)
            if out.requires_grad:
                out.sum().backward()
                return taken[0].grad
            return out

        return step

    return make


def _put(x: Any, i: Any, v: Any) -> Any:
    y = x.clone()
    y[i] = v
    return y


def _masked_heads(x: Any) -> Any:
    heads = nn.MultiheadAttention(8, 2).to(x.device)
    padding = dlf.arange(5, device=x.device).expand(2, 5) > 2
    return heads(x, x, x, key_padding_mask=padding)[0]


def _gru(x: Any) -> Any:
    return nn.GRU(3, 4).to(x.device)(x)[0]


TABLE, ROWS = (7, 3), ((4,), 7)

OPS: dict[str, Make] = {
    "cross_entropy, ignore_index": _op(
        lambda x, y: F.cross_entropy(x, y, ignore_index=2), (5, 4), ((5,), 4)
    ),
    "cross_entropy, weight": _op(
        lambda x, w, y: F.cross_entropy(x, y, weight=w.detach().abs()), (5, 4), (4,), ((5,), 4)
    ),
    "nll_loss": _op(
        lambda x, y: F.nll_loss(x.log_softmax(1), y, ignore_index=0), (5, 4), ((5,), 4)
    ),
    "binary_cross_entropy": _op(
        lambda x: F.binary_cross_entropy(x.sigmoid(), x.detach().sigmoid()), (5, 4)
    ),
    "gaussian_nll_loss": _op(
        lambda x, y, v: F.gaussian_nll_loss(x, y, v.abs()), (5, 4), (5, 4), (5, 4)
    ),
    "embedding": _op(lambda w, i: F.embedding(i, w, padding_idx=0), TABLE, ((2, 4), 7)),
    "embedding, by frequency": _op(
        lambda w, i: F.embedding(i, w, scale_grad_by_freq=True), TABLE, ((2, 4), 7)
    ),
    "x[index]": _op(lambda x, i: x[i], TABLE, ROWS),
    "x[index, index]": _op(lambda x, i, j: x[i, j], TABLE, ROWS, ((4,), 3)),
    "x[index] = values": _op(_put, TABLE, ROWS, (4, 3)),
    "index_put": _op(lambda x, i, v: x.clone().index_put_((i,), v), TABLE, ROWS, (4, 3)),
    "index_put, accumulate": _op(
        lambda x, i, v: x.clone().index_put_((i,), v, accumulate=True), TABLE, ROWS, (4, 3)
    ),
    "x[bool] = number": _op(lambda x: _put(x, x.detach() > 0, 0.0), TABLE),
    "index_select": _op(lambda x, i: x.index_select(0, i), TABLE, ROWS),
    "index_add": _op(lambda x, i, v: x.index_add(0, i, v), TABLE, ROWS, (4, 3)),
    "gather": _op(lambda x, i: x.gather(0, i), TABLE, ((4, 3), 7)),
    "scatter": _op(lambda x, i, v: x.scatter(0, i, v), TABLE, ((4, 3), 7), (4, 3)),
    "scatter_add": _op(lambda x, i, v: x.scatter_add(0, i, v), TABLE, ((4, 3), 7), (4, 3)),
    "take_along_dim": _op(lambda x, i: dlf.take_along_dim(x, i, 1), TABLE, ((7, 2), 3)),
    "one_hot": _op(lambda w, i: F.one_hot(i, num_classes=7).to(w.dtype) @ w, TABLE, ROWS),
    "masked_fill": _op(lambda x: x.masked_fill(x.detach() > 0, -1.0), TABLE),
    "masked_fill, tensor": _op(lambda x, v: x.masked_fill(x.detach() > 0, v), TABLE, ()),
    "where": _op(lambda x: dlf.where(x.detach() > 0, x, 0.0), TABLE),
    "topk": _op(lambda x: x.topk(2, dim=0)[0], TABLE),
    "topk, smallest": _op(lambda x: x.topk(2, dim=0, largest=False, sorted=False)[0], TABLE),
    "sort": _op(lambda x: x.sort(0, descending=True)[0], TABLE),
    "kthvalue": _op(lambda x: x.kthvalue(2, 0)[0], TABLE),
    "max": _op(lambda x: x.max(0)[0], TABLE),
    "max of all": _op(lambda x: x.max(), TABLE),
    "median": _op(lambda x: x.median(0)[0], TABLE),
    "cumsum": _op(lambda x: x.cumsum(0), TABLE),
    "norm": _op(lambda x: x.norm(), TABLE),
    "std": _op(lambda x: x.std(0), TABLE),
    "var_mean": _op(lambda x: dlf.var_mean(x, 0)[0], TABLE),
    "logsumexp": _op(lambda x: x.logsumexp(0), TABLE),
    "prod": _op(lambda x: x.prod(0), TABLE),
    "clamp": _op(lambda x: x.clamp(-0.5, 0.5), TABLE),
    "pow": _op(lambda x: x.abs().pow(1.5), TABLE),
    "slices": _op(lambda x: x[1:5, ::2].flip(0), TABLE),
    "repeat_interleave": _op(lambda x: x.repeat_interleave(2, 0), TABLE),
    "roll": _op(lambda x: x.roll(2, 0), TABLE),
    "triu": _op(lambda x: x.triu(), TABLE),
    "cosine_similarity": _op(lambda x, y: F.cosine_similarity(x, y), TABLE, TABLE),
    "normalize": _op(lambda x: F.normalize(x), TABLE),
    "interpolate": _op(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (1, 2, 3, 3)),
    "causal attention": _op(
        lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), (2, 5, 8)
    ),
    "attention, bool mask": _op(
        lambda x: F.scaled_dot_product_attention(x, x, x, x.detach() @ x.detach().mT > 0), (2, 5, 8)
    ),
    "masks of MultiheadAttention": _op(_masked_heads, (5, 2, 8)),
    "argmax": _op(lambda x: x.argmax(0), TABLE),
    "argsort": _op(lambda x: x.argsort(0), TABLE),
    "kl_div": _op(
        lambda x, y: F.kl_div(x.log_softmax(1), y.detach().softmax(1), reduction="batchmean"),
        TABLE,
        TABLE,
    ),
    "triplet_margin_loss": _op(lambda x, y, z: F.triplet_margin_loss(x, y, z), TABLE, TABLE, TABLE),
    "multi_margin_loss": _op(lambda x, y: F.multi_margin_loss(x, y), (5, 4), ((5,), 4)),
    "conv_transpose2d": _op(
        lambda x, w: F.conv_transpose2d(x, w, stride=2), (1, 2, 3, 3), (2, 3, 2, 2)
    ),
    "gru": _op(_gru, (4, 2, 3)),
    "max_pool2d": _op(lambda x: F.max_pool2d(x, 2), (1, 2, 4, 4)),
    "adaptive_avg_pool2d": _op(lambda x: F.adaptive_avg_pool2d(x, 2), (1, 2, 5, 5)),
    "unfold": _op(lambda x: F.unfold(x, 2), (1, 2, 4, 4)),
}

STEPS: dict[str, Make] = {
    **dict(_trainings()),
    "gradients of two batches": _accumulated,
    "autocast": _in_bfloat16,
    **OPS,
}
