"""The optimizer `golden`: signs of gradients, with state, groups and a step of its own."""

import dlf
from dlf.plugin import hookimpl


@hookimpl
def dlf_optimizers():
    return {"golden": "golden_optimizer:GoldenOptimizer"}


class GoldenOptimizer(dlf.optim.Optimizer):
    def __init__(self, params, lr=1e-3):
        super().__init__(params, {"lr": lr})

    @dlf.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with dlf.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.state[p]["steps"] = self.state[p].get("steps", 0) + 1
                    p.sub_(p.grad.sign(), alpha=group["lr"])
        return loss
