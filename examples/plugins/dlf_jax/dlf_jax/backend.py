"""The device `jax`: every primitive comes from `dlf.xp` over `jax.numpy`."""

import jax
import jax.numpy as jnp

from dlf.plugin import ArrayNamespaceBackend
from dlf_jax import kernels

# Without it JAX has neither int64 nor float64.
jax.config.update("jax_enable_x64", True)


class JaxBackend(ArrayNamespaceBackend):
    device_type = "jax"
    xp = jnp

    def devices(self):
        return jax.devices()

    def overrides(self):
        return kernels.KERNELS
