"""The device `torchtensors`: every primitive comes from `dlf.xp` over PyTorch's functions."""

import array_api_compat.torch as xp

from dlf.plugin import ArrayNamespaceBackend
from dlf_torch_tensors import kernels


class TorchBackend(ArrayNamespaceBackend):
    device_type = "torchtensors"
    xp = xp

    def overrides(self):
        return kernels.KERNELS
