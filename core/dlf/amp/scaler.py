"""`GradScaler`: a loss is multiplied with a large number so that float16 gradients do not vanish.

Gradients are divided by it again before the step; one that overflowed costs the step and makes the
number smaller (Micikevicius et al., 2018). Stages, messages and numbers are PyTorch's. The number
stays on the device: an iteration waits for it once, in `step`, which must know whether to step.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..autograd.mode import no_grad
from ..devices import get_default_device
from ..errors import DeviceUnavailableError, PluginError
from ..tensor import Tensor
from .scale import Scale, total
from .settings import service_of
from .unscaling import Stage, State, overflows, unscale

if TYPE_CHECKING:
    from ..optim import Optimizer

__all__ = ["GradScaler"]


class GradScaler:
    """Scales losses and unscales gradients, and looks for the scale by what overflows.

    >>> scaler = GradScaler("cpu")
    >>> w = dlf.ones(1, requires_grad=True)
    >>> optimizer = dlf.optim.SGD([w], lr=0.5)
    >>> scaler.scale((2 * w).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.], requires_grad=True)

    Args:
        device: the device type that it is for. Default: that of the default device. Where that
            cannot be used on this machine, a warning is given and the scaler is disabled.
        init_scale: the scale to start with. Default: 65536.
        growth_factor: what it is multiplied with after `growth_interval` steps in a row without inf
            or NaN. Default: 2.
        backoff_factor: what it is multiplied with after inf or NaN. Default: 0.5.
        growth_interval: Default: 2000.
        enabled: False makes `step` that of the optimizer, and all else do nothing. Default: True.

    Raises:
        AssertionError: `growth_factor` is not above 1, or `backoff_factor` not below.
    """

    def __init__(
        self,
        device: str | None = None,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = get_default_device().type if device is None else device
        self._enabled = enabled and _usable(self._device)
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale, self._init_steps = init_scale, 0
        # None until `scale` is first called, and its device is known.
        self._scale: Scale | None = None
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._states: defaultdict[int, State] = defaultdict(State)

    # ------------------------------------------------------------------ one iteration

    def scale(self, outputs: Any) -> Any:
        """`outputs`, a tensor or an iterable of such, times the scale.

        ValueError for anything else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = Scale(outputs.device, self._init_scale, self._init_steps)
            return outputs * self._scale.on(outputs.device)
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, in place.

        For what comes between `backward` and `step` and needs them, such as clipping; `step` does
        it otherwise.

        Raises:
            AssertionError: nothing was scaled yet.
            RuntimeError: called twice for an optimizer since the last `update`, or after its
                `step`.
            ValueError: a gradient is in float16: the parameters should be in float32.
        """
        if not self._enabled:
            return
        scale = self._checked("unscale_")
        state = self._states[id(optimizer)]
        if state.stage is Stage.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state.stage is Stage.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        with no_grad():
            state.found = unscale(optimizer, scale)
        state.stage = Stage.UNSCALED

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """`unscale_`, unless that was called, and ``optimizer.step(*args, **kwargs)``, unless a
        gradient is inf or NaN. Gives what the optimizer's step gave.

        Waits for the gradients, once a device. Not so for an optimizer that divides and leaves out
        by itself, as PyTorch's fused ones do: one with a true ``_step_supports_amp_scaling`` is
        stepped in any case, and has meanwhile the attributes ``found_inf``, a 0-d float32 tensor
        that is not 0 if a gradient is inf or NaN, and ``grad_scale``, the scale that the gradients
        are still to be divided by, or None after `unscale_`.

        Raises:
            AssertionError: nothing was scaled yet, or no parameter has a gradient.
            RuntimeError: called twice since the last `update`, or with a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        scale = self._checked("step")
        state = self._states[id(optimizer)]
        if state.stage is Stage.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            result = self._leave_to(optimizer, state, scale, args, kwargs)
        else:
            if state.stage is Stage.READY:
                self.unscale_(optimizer)
            if not state.found:
                raise AssertionError("No inf checks were recorded for this optimizer.")
            result = None if state.overflowed() else optimizer.step(*args, **kwargs)
        state.stage = Stage.STEPPED
        return result

    def _leave_to(
        self, optimizer: Any, state: State, scale: Scale, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """A step of an optimizer that takes `found_inf` and `grad_scale` itself."""
        if state.stage is Stage.READY:
            with no_grad():
                state.found = overflows(optimizer)
        # A scale that the user has set is one to divide by as well.
        given = getattr(optimizer, "grad_scale", None)
        if state.stage is Stage.READY:
            given = scale.value * (1 if given is None else given)
        optimizer.grad_scale = given
        optimizer.found_inf = total(state.found.values(), scale.value.device)
        try:
            return optimizer.step(*args, **kwargs)
        finally:
            del optimizer.grad_scale, optimizer.found_inf

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Make the scale smaller after inf or NaN, larger after many steps without; or set it.

        To be called at the end of an iteration, after `step` of every optimizer. AssertionError if
        no gradient was looked at since the last time, or `new_scale` is a tensor of several
        elements, on another device type, or one that requires grad.
        """
        if not self._enabled:
            return
        scale = self._checked("update")
        if new_scale is not None:
            scale.set(self._given(new_scale))
        else:
            found = [one for state in self._states.values() for one in state.found.values()]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            scale.update(found, self._growth_factor, self._backoff_factor, self._growth_interval)
        self._states = defaultdict(State)

    def _checked(self, name: str) -> Scale:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale

    def _given(self, new_scale: float | Tensor) -> float | Tensor:
        if not isinstance(new_scale, Tensor):
            return float(new_scale)
        if (
            new_scale.device.type != self._device
            or new_scale.numel() != 1
            or new_scale.requires_grad
        ):
            raise AssertionError(
                "new_scale should be a float or a tensor of one element on "
                f"'{self._device}' with requires_grad=False."
            )
        return new_scale

    # ------------------------------------------------------------------ what it holds

    def get_scale(self) -> float:
        """The scale; 1 if disabled. Waits for the device."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.value.item())

    def _read(self) -> tuple[float, int]:
        if self._scale is None:
            return self._init_scale, self._init_steps
        return self._scale.read()

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale falls by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale falls by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps in a row the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps in a row the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Scale, factors, interval and the number of steps in a row; empty if disabled.

        To be called after `update`. PyTorch's scaler reads it, and the other way round. Waits for
        the device.
        """
        if not self._enabled:
            return {}
        scale, steps = self._read()
        return {
            "scale": scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": steps,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; RuntimeError if that is empty."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._init_steps = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._scale.set(self._init_scale)
            self._scale.set_steps(self._init_steps)
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]

    def __getstate__(self) -> dict[str, Any]:
        if self._enabled and self._states:
            raise AssertionError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at "
                "the end after scaler.update()."
            )
        kept = dict(self.__dict__)
        if self._enabled:
            # Another process may have no such device, so the tensors are made anew by `scale`.
            kept["_init_scale"], kept["_init_steps"] = self._read()
            kept["_scale"] = None
        return kept


def _usable(device_type: str) -> bool:
    try:
        service_of(device_type)
    except (DeviceUnavailableError, PluginError) as error:
        warnings.warn(f"GradScaler is disabled: {error}", stacklevel=3)
        return False
    return True
