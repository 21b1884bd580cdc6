"""Optimizer updates as ops: each takes lists of tensors and changes them in place, in one call.

They and `assign` are the only ops that change their inputs. A backend may give a kernel of the same
name, which gets lists of arrays in place of lists of tensors; without one the update is made of
other ops. Gradients do not flow through a step op.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dlf.autograd.mode import no_grad
from dlf.inplace import bump
from dlf.registry import Op, registry
from dlf.tensor import Tensor

__all__ = ["StepOp", "adagrad_step", "adam_step", "rmsprop_step", "sgd_step"]

Tensors = Sequence[Tensor]


class StepOp:
    """An update op: called with `inputs` lists of tensors (or None), then with Python values.

    Tensors of one call share their device and dtype. Those of the lists at `changes` are written.
    """

    def __init__(self, default: Callable[..., None], inputs: int, changes: tuple[int, ...]) -> None:
        code = default.__code__
        self.op = registry.add(
            Op(
                default.__name__,
                code.co_varnames[: code.co_argcount],
                inputs,
                kind="step",
                decompose=default,
                outputs=0,
                doc=default.__doc__ or "",
            )
        )
        self.op.function = self
        self.default, self.inputs, self.changes = default, inputs, changes
        self.__name__, self.__doc__ = default.__name__, default.__doc__

    def __call__(self, *args: Any) -> None:
        lists = args[: self.inputs]
        first: Tensor = lists[0][0]
        if first.dtype.is_complex:
            self._as_real(lists, args[self.inputs :])
            return
        kernel: Callable[..., None] | None = first.device.table[self.op.slot]
        if kernel is None:
            with no_grad():
                self.default(*args)
            return
        arrays = [None if ts is None else [t._data for t in ts] for ts in lists]
        kernel(*arrays, *args[self.inputs :])
        name = self.__name__
        for at in self.changes:
            for tensor in lists[at] or ():
                bump(tensor, name)

    def _as_real(self, lists: Sequence[Tensors | None], values: Sequence[Any]) -> None:
        # Real and imaginary parts are updated as numbers of their own; kernels need not know
        # complex dtypes.
        import dlf

        with no_grad():
            real = [
                None if ts is None else [dlf.view_as_real(t).clone() for t in ts] for ts in lists
            ]
            self(*real, *values)
            for at in self.changes:
                for tensor, parts in zip(lists[at] or (), real[at] or (), strict=True):
                    tensor.copy_(dlf.view_as_complex(parts))

    def __repr__(self) -> str:
        return f"<step op {self.op.signature}>"


def _step(inputs: int, changes: tuple[int, ...]) -> Callable[[Callable[..., None]], StepOp]:
    def declare(default: Callable[..., None]) -> StepOp:
        return StepOp(default, inputs, changes)

    return declare


def _gradient(param: Tensor, grad: Tensor, weight_decay: float, maximize: bool) -> Tensor:
    grad = -grad if maximize else grad
    return grad + param * weight_decay if weight_decay else grad


@_step(inputs=3, changes=(0, 2))
def sgd_step(
    params: Tensors,
    grads: Tensors,
    bufs: Tensors | None,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """Gradient descent with momentum (Sutskever et al. 2013, as PyTorch writes it).

    `bufs` is None without momentum; with `first`, its contents are not read and become the
    gradient.
    """
    for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
        d = _gradient(param, grad, weight_decay, maximize)
        if bufs is not None:
            buf = bufs[i]
            buf.copy_(d if first else buf * momentum + d * (1 - dampening))
            d = d + buf * momentum if nesterov else buf
        param.copy_(param - d * lr)


@_step(inputs=5, changes=(0, 2, 3, 4))
def adam_step(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors | None,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam (Kingma and Ba 2015), AdamW (`decoupled`, Loshchilov and Hutter 2019), AMSGrad (Reddi et
    al. 2018).

    `step` counts from 1. `max_exp_avg_sqs` is None unless AMSGrad is wanted.
    """
    size = lr / (1 - beta1**step)
    scale = (1 - beta2**step) ** 0.5
    for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
        d = _gradient(param, grad, 0.0 if decoupled else weight_decay, maximize)
        avg, square = exp_avgs[i], exp_avg_sqs[i]
        start = param * (1 - lr * weight_decay) if decoupled and weight_decay else param
        avg.copy_(avg + (d - avg) * (1 - beta1))
        square.copy_(square * beta2 + d * d * (1 - beta2))
        if max_exp_avg_sqs is not None:
            max_exp_avg_sqs[i].copy_(max_exp_avg_sqs[i].maximum(square))
            square = max_exp_avg_sqs[i]
        param.copy_(start - avg / (square.sqrt() / scale + eps) * size)


@_step(inputs=5, changes=(0, 2, 3, 4))
def rmsprop_step(
    params: Tensors,
    grads: Tensors,
    square_avgs: Tensors,
    grad_avgs: Tensors | None,
    bufs: Tensors | None,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """RMSprop (Hinton 2012); centered (Graves 2013) where `grad_avgs` is given, with momentum where
    `bufs` is."""
    for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
        d = _gradient(param, grad, weight_decay, maximize)
        square = square_avgs[i]
        square.copy_(square * alpha + d * d * (1 - alpha))
        variance = square
        if grad_avgs is not None:
            mean = grad_avgs[i]
            mean.copy_(mean + (d - mean) * (1 - alpha))
            variance = square - mean * mean
        d = d / (variance.sqrt() + eps)
        if bufs is not None:
            bufs[i].copy_(bufs[i] * momentum + d)
            d = bufs[i]
        param.copy_(param - d * lr)


@_step(inputs=3, changes=(0, 2))
def adagrad_step(
    params: Tensors,
    grads: Tensors,
    sums: Tensors,
    lr: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """Adagrad (Duchi et al. 2011); `lr` is the rate of this step, its decay already applied."""
    for param, grad, total in zip(params, grads, sums, strict=True):
        d = _gradient(param, grad, weight_decay, maximize)
        total.copy_(total + d * d)
        param.copy_(param - d / (total.sqrt() + eps) * lr)
