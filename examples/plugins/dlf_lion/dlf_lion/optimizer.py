"""`Lion`: steps of one size against the sign of a mean of gradients."""

import dlf


class Lion(dlf.optim.Optimizer):
    """Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023).

    ``p -= lr * (sign(b1 * m + (1 - b1) * g) + weight_decay * p); m = b2 * m + (1 - b2) * g``.
    It keeps one tensor a parameter, half of what Adam keeps. Its steps are larger than Adam's: use
    a third to a tenth of Adam's rate, and three to ten times its weight decay.

    Args:
        params: tensors or groups of them.
        lr: learning rate. Default: 1e-4.
        betas: `b1` for the step and `b2` for the mean. Default: (0.9, 0.99).
        weight_decay: pulls parameters to zero, apart from the gradient. Default: 0.

    Raises:
        ValueError: a negative rate or decay, or a beta outside [0, 1).
    """

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        if lr < 0 or weight_decay < 0:
            raise ValueError(f"Lion: lr={lr}, weight_decay={weight_decay}; expected none below 0")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Lion: betas={betas}; expected both in [0, 1)")
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @dlf.no_grad()
    def _update(self, group):
        lr, (b1, b2), decay = group["lr"], group["betas"], group["weight_decay"]
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            if not state:
                state["mean"] = dlf.zeros_like(p)
            mean = state["mean"]
            if decay:
                p.mul_(1 - lr * decay)
            p.sub_(dlf.lerp(p.grad, mean, b1).sign_(), alpha=lr)
            mean.lerp_(p.grad, 1 - b2)
