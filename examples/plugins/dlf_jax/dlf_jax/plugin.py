"""What dlf reads to learn of the device. JAX is imported when a tensor is first put on it."""

from dlf.plugin import BackendSpec, hookimpl


@hookimpl
def dlf_backends(api):
    return [BackendSpec("jax", "jax", load="dlf_jax.backend:JaxBackend", requires_api=">=1.0,<2")]
