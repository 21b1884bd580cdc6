"""What dlf reads to learn of the device. PyTorch is imported when a tensor is first put on it."""

from dlf.plugin import BackendSpec, hookimpl


@hookimpl
def dlf_backends(api):
    load = "dlf_torch_tensors.backend:TorchBackend"
    return [BackendSpec("torch_tensors", "torchtensors", load, requires_api=">=1.0,<2")]
