"""What JAX does better than `dlf.xp` over it, and repairs of what it does not do as PyTorch.

A kernel of JAX is compiled for each shape that it meets, and a call costs some 10 microseconds, so
that one compiled function for a whole op, or for a whole step of an optimizer, is worth the most.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy import special


def extremum(reduce):
    """`jnp.max` or `jnp.min`; on the CPU, those of XLA lose NaN in long rows."""

    @partial(jax.jit, static_argnums=(1, 2))
    def kernel(a, dims, keepdim):
        if not dims or not jnp.issubdtype(a.dtype, jnp.floating):
            return reduce(a, axis=dims, keepdims=keepdim)
        unknown = jnp.any(jnp.isnan(a), axis=dims, keepdims=keepdim)
        return jnp.where(unknown, jnp.nan, reduce(a, axis=dims, keepdims=keepdim)).astype(a.dtype)

    return kernel


def digamma(a):
    """Infinite at both zeros, where JAX's is NaN."""
    return jnp.where(a == 0, -1 / a, special.digamma(a))


def wide(*arrays):
    """16-bit floats in float32, others as they are."""
    low = (jnp.float16, jnp.bfloat16)
    return [a.astype(jnp.float32) if a.dtype in low else a for a in arrays]


def convolve(x, w, stride, padding, dilation, groups):
    return lax.conv_general_dilated(
        x,
        w,
        stride,
        [(p, p) for p in padding],
        rhs_dilation=dilation,
        feature_group_count=groups,
    )


@partial(jax.jit, static_argnums=(3, 4, 5, 6))
def conv2d(x, w, bias, *how):
    out = convolve(*wide(x, w), *how)
    if bias is not None:
        out = out + wide(bias)[0][:, None, None]
    return out.astype(x.dtype)


@partial(jax.jit, static_argnums=(2, 3, 4, 5, 6))
def conv2d_input_grad(grad, w, shape, *how):
    g, v = wide(grad, w)
    by_input = jax.linear_transpose(
        lambda x: convolve(x, v, *how), jax.ShapeDtypeStruct(shape, g.dtype)
    )
    return by_input(g)[0].astype(grad.dtype)


@partial(jax.jit, static_argnums=(2, 3, 4, 5, 6))
def conv2d_weight_grad(grad, x, shape, *how):
    g, y = wide(grad, x)
    by_weight = jax.linear_transpose(
        lambda w: convolve(y, w, *how), jax.ShapeDtypeStruct(shape, g.dtype)
    )
    return by_weight(g)[0].astype(grad.dtype)


def adam_step(params, grads, avgs, squares, largest, step, lr, beta1, beta2, eps, decay, *how):
    rates = (lr / (1 - beta1**step), (1 - beta2**step) ** 0.5, lr * decay)
    state = (params, grads, avgs, squares, largest)
    new = _adam(state, rates, (1 - beta1, beta2, 1 - beta2, eps, decay), decay != 0, *how)
    return new if largest is not None else new[:3]


@partial(jax.jit, static_argnums=(3, 4, 5))
def _adam(state, rates, constants, decays, decoupled, maximize):
    (size, scale, shrink), (new1, old2, new2, eps, decay) = rates, constants
    made = []
    for p, g, avg, square, most in zip(*state[:4], state[4] or state[3], strict=True):
        d = -g if maximize else g
        d = d + p * decay if decays and not decoupled else d
        p = p - p * shrink if decays and decoupled else p
        avg = avg + (d - avg) * new1
        square = square * old2 + d * d * new2
        most = jnp.maximum(most, square) if state[4] is not None else square
        made.append((p - avg / (jnp.sqrt(most) / scale + eps) * size, avg, square, most))
    return tuple(map(list, zip(*made, strict=True)))


def sgd_step(params, grads, bufs, first, lr, momentum, dampening, decay, nesterov, maximize):
    constants = (lr, momentum, 1 - dampening, decay)
    new = _sgd(params, grads, bufs, constants, bool(first), decay != 0, nesterov, maximize)
    return new if bufs is not None else new[:1]


@partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _sgd(params, grads, bufs, constants, first, decays, nesterov, maximize):
    lr, momentum, fresh, decay = constants
    made = []
    for p, g, buf in zip(params, grads, bufs or params, strict=True):
        d = -g if maximize else g
        d = d + p * decay if decays else d
        if bufs is not None:
            buf = d if first else buf * momentum + d * fresh
            d = d + buf * momentum if nesterov else buf
        made.append((p - d * lr, buf))
    return tuple(map(list, zip(*made, strict=True)))


KERNELS = {
    "adam_step": adam_step,
    "conv2d": conv2d,
    "conv2d_input_grad": conv2d_input_grad,
    "conv2d_weight_grad": conv2d_weight_grad,
    "digamma": digamma,
    "erf": special.erf,
    "erfinv": special.erfinv,
    "lgamma": special.gammaln,
    "max": extremum(jnp.max),
    "min": extremum(jnp.min),
    "sgd_step": sgd_step,
    "sigmoid": jax.nn.sigmoid,
}
