"""What PyTorch has itself and the array API standard has not."""

import torch
from torch.nn import functional, grad


def through_float32(kernel):
    """PyTorch's gradients of a convolution round 16-bit floats at each of their sums."""

    def wide(a, b, *rest):
        single = [t.float() if t.dtype.itemsize == 2 else t for t in (a, b)]
        return kernel(*single, *rest).to(a.dtype)

    return wide


@through_float32
def conv2d_input_grad(g, weight, shape, *how):
    return grad.conv2d_input(shape, weight, g, *how)


@through_float32
def conv2d_weight_grad(g, input, shape, *how):
    return grad.conv2d_weight(input, shape, g, *how)


KERNELS = {
    "conv2d": functional.conv2d,
    "conv2d_input_grad": conv2d_input_grad,
    "conv2d_weight_grad": conv2d_weight_grad,
    "digamma": torch.digamma,
    "erf": torch.erf,
    "erfinv": torch.erfinv,
    "lgamma": torch.lgamma,
    "rsqrt": torch.rsqrt,
    "sigmoid": torch.sigmoid,
}
