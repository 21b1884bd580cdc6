"""The optimizer."""

import dlf


class MyThing(dlf.optim.Optimizer):
    # Write here: what it does, where it is from, and its options.
    """Gradient descent with momentum."""

    def __init__(self, params, lr=1e-2, momentum=0.9):
        if lr < 0 or not 0 <= momentum < 1:
            raise ValueError(
                f"MyThing: lr={lr} and momentum={momentum}; expected lr >= 0 and 0 <= momentum < 1"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @dlf.no_grad()
    def _update(self, group):
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            if not state:
                state["average"] = dlf.zeros_like(p)
            # Write here: the step.
            state["average"].mul_(group["momentum"]).add_(p.grad)
            p.sub_(state["average"], alpha=group["lr"])
