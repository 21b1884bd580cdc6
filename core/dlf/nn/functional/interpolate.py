"""Resampling of images.

Linear and cubic interpolation is separable: a product with a matrix of shares along each dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import dlf

if TYPE_CHECKING:
    from dlf.tensor import Tensor

__all__ = [
    "affine_grid",
    "grid_sample",
    "interpolate",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_RANK = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_CUBIC = -0.75


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample the spatial dimensions of ``(N, C, ...)`` to `size` or by `scale_factor`.

    `mode` is nearest, nearest-exact, area (1 to 3 spatial dimensions), linear (1), bilinear,
    bicubic (2) or trilinear (3). `align_corners` keeps the corner elements' values at the corners.
    ValueError or NotImplementedError for arguments that do not fit together.
    """
    n = input.ndim - 2
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    known = ("nearest", "nearest-exact", "area", *_RANK)
    if mode not in known or not 1 <= n <= 3 or _RANK.get(mode, n) != n:
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{input.ndim}D) for the modes: {' | '.join(known)} (got {mode})"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes")
    have = tuple(input.shape[2:])
    out, scales = _targets(have, size, scale_factor)
    if recompute_scale_factor:
        if size is not None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        scales = (None,) * n
    if min(out) <= 0:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(have)} output "
            f"{list(out)}"
        )
    if mode == "area":
        from . import adaptive_pool

        return getattr(adaptive_pool, f"adaptive_avg_pool{n}d")(input, out)
    for dim, (count, scale) in enumerate(zip(out, scales, strict=True), 2):
        length = input.shape[dim]
        ratio = 1 / scale if scale else length / count
        if mode.startswith("nearest"):
            shift = 0.5 if mode == "nearest-exact" else 0.0
            index = [min(math.floor((i + shift) * ratio), length - 1) for i in range(count)]
            input = input.index_select(dim, dlf.tensor(index, device=input.device))
            continue
        if align_corners:
            ratio = (length - 1) / (count - 1) if count > 1 else 0.0
        if antialias:
            rows = _antialiased(length, count, ratio, bool(align_corners), mode)
        elif mode == "bicubic":
            rows = _cubic_rows(length, count, ratio, bool(align_corners))
        else:
            rows = _linear_rows(length, count, ratio, bool(align_corners))
        shares = dlf.tensor(rows, dtype=input.dtype, device=input.device)
        input = (input.movedim(dim, -1) @ shares.mT).movedim(-1, dim)
    return input


def _targets(
    have: tuple[int, ...],
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    n = len(have)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        sizes = (size,) * n if isinstance(size, int) else tuple(size)
        if len(sizes) != n:
            raise ValueError(
                f"Input and output must have the same number of spatial dimensions, but got "
                f"{n} and output size {list(sizes)}"
            )
        return tuple(int(s) for s in sizes), (None,) * n
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (int, float)):
        factors = (float(scale_factor),) * n
    else:
        factors = tuple(float(f) for f in scale_factor)
    if len(factors) != n:
        raise ValueError(
            f"Input and scale_factor must have the same number of spatial dimensions, but got {n} "
            f"and scale_factor {list(factors)}"
        )
    return tuple(math.floor(s * f) for s, f in zip(have, factors, strict=True)), factors


def _centre(i: int, ratio: float, align_corners: bool) -> float:
    return i * ratio if align_corners else (i + 0.5) * ratio - 0.5


def _linear_rows(length: int, count: int, ratio: float, align: bool) -> list[list[float]]:
    rows = []
    for i in range(count):
        at = max(_centre(i, ratio, align), 0.0)
        low = min(int(at), length - 1)
        high = min(low + 1, length - 1)
        row = [0.0] * length
        row[low] += 1 - (at - low)
        row[high] += at - low
        rows.append(row)
    return rows


def _cubic(x: float, a: float = _CUBIC) -> float:
    """Keys' convolution kernel (1981)."""
    x = abs(x)
    if x <= 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a if x < 2 else 0.0


def _cubic_rows(length: int, count: int, ratio: float, align: bool) -> list[list[float]]:
    rows = []
    for i in range(count):
        at = _centre(i, ratio, align)
        low = math.floor(at)
        row = [0.0] * length
        for j in range(low - 1, low + 3):
            row[min(max(j, 0), length - 1)] += _cubic(at - j)
        rows.append(row)
    return rows


def _antialiased(
    length: int, count: int, ratio: float, align: bool, mode: str
) -> list[list[float]]:
    """Kernels widened by the scale where the image shrinks, and normalized."""
    kernel: Callable[[float], float]
    if mode == "bilinear":
        kernel, reach = (lambda x: max(1 - abs(x), 0.0)), 1.0
    else:
        # Like Pillow, which this follows, with its own parameter.
        kernel, reach = (lambda x: _cubic(x, -0.5)), 2.0
    wide = max(ratio, 1.0)
    rows = []
    for i in range(count):
        centre = ratio * (i + 0.5)
        lo = max(int(centre - reach * wide + 0.5), 0)
        hi = min(int(centre + reach * wide + 0.5), length)
        row = [0.0] * length
        for j in range(lo, hi):
            row[j] = kernel((j - centre + 0.5) / wide)
        total = sum(row) or 1.0
        rows.append([share / total for share in row])
    return rows


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The old name of `interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode nearest."""
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode bilinear and aligned corners."""
    return interpolate(input, size, scale_factor, "bilinear", True)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Sampling places ``(N, H, W, 2)`` (or with D, and 3) for affine maps `theta` ``(N, 2, 3)`` (or
    ``(N, 3, 4)``).

    `size` is that of the image to make, ``(N, C, H, W)`` or ``(N, C, D, H, W)``. ValueError if they
    do not fit.
    """
    n = len(size) - 2
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if n not in (2, 3) or theta.ndim != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size "
            f"{list(size)}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    extents = tuple(size[2:])
    parts = []
    for axis, count in reversed(list(enumerate(extents))):
        line = dlf.linspace(-1, 1, count, dtype=theta.dtype, device=theta.device)
        if count == 1:
            line = line * 0
        elif not align_corners:
            line = line * ((count - 1) / count)
        shape = [1] * n
        shape[axis] = count
        parts.append(line.reshape(shape).expand(extents))
    parts.append(dlf.ones(extents, dtype=theta.dtype, device=theta.device))
    base = dlf.stack(parts, -1).reshape(1, -1, n + 1)
    grid: Tensor = (base @ theta.mT).reshape(size[0], *extents, n)
    return grid


def _unnormalize(places: Tensor, length: int, align: bool) -> Tensor:
    return (places + 1) * ((length - 1) / 2) if align else ((places + 1) * length - 1) / 2


def _reflect(places: Tensor, low: float, span: float) -> Tensor:
    if span <= 0:
        return places * 0
    distance = (places - low).abs()
    over = distance.detach() / span
    flips = over.floor()
    rest = distance - flips * span
    result: Tensor = dlf.where(flips % 2 == 0, rest, span - rest) + low
    return result


def _placed(places: Tensor, length: int, padding_mode: str, align: bool) -> Tensor:
    if padding_mode == "reflection":
        low, span = (0.0, length - 1.0) if align else (-0.5, float(length))
        places = _reflect(places, low, span)
    if padding_mode != "zeros":
        places = places.clamp(0, length - 1)
    return places


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Values of ``(N, C, H, W)`` at the places `grid` ``(N, H', W', 2)`` of x and y in [-1, 1]:
    ``(N, C, H', W')``.

    Volumes take a third dimension. `mode` is bilinear, nearest or (images only) bicubic;
    `padding_mode` is zeros, border or reflection. ValueError for another word, RuntimeError for
    shapes that do not fit (Jaderberg et al., 2015).
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    n = input.ndim - 2
    fits = n in (2, 3) and grid.ndim == input.ndim and grid.shape[-1] == n
    if not fits or grid.shape[0] != input.shape[0]:
        raise RuntimeError(
            f"grid_sample(): expected grid of shape (N, ..., {n}) for an input of shape "
            f"{list(input.shape)}, got {list(grid.shape)}"
        )
    if mode == "bicubic" and n != 2:
        raise RuntimeError("grid_sample(): bicubic interpolation only supports 4D input")
    align = bool(align_corners)
    extents = tuple(input.shape[2:])
    # The last coordinate of a place is the first dimension's.
    places = [_unnormalize(grid.select(-1, n - 1 - d), extents[d], align) for d in range(n)]
    if mode != "bicubic":
        places = [
            _placed(p, length, padding_mode, align)
            for p, length in zip(places, extents, strict=True)
        ]
    lists = [_neighbours(p, mode) for p in places]
    result = None
    for corner in _corners(lists):
        share, flat, inside = None, None, None
        for (where, weight), length in zip(corner, extents, strict=True):
            if mode == "bicubic":
                where = _placed(where, length, padding_mode, align)
            within = (where >= 0) & (where <= length - 1)
            index = where.clamp(0, length - 1).to(dlf.int64)
            flat = index if flat is None else flat * length + index
            inside = within if inside is None else inside & within
            if weight is not None:
                share = weight if share is None else share * weight
        assert flat is not None and inside is not None
        seen = _take(input, flat)
        factor = inside.to(input.dtype) if share is None else dlf.where(inside, share, 0)
        piece = seen * factor.unsqueeze(1)
        result = piece if result is None else result + piece
    assert result is not None
    return result


_Neighbour = tuple["Tensor", "Tensor | None"]


def _neighbours(places: Tensor, mode: str) -> list[_Neighbour]:
    """Along one dimension, whole places around `places`, each with its share."""
    if mode == "nearest":
        return [(places.detach().round(), None)]
    low = places.detach().floor()
    rest = places - low
    if mode == "bilinear":
        return [(low, 1 - rest), (low + 1, rest)]
    return [(low + k, _cubic_share(rest - k, abs(k - 0.5) < 1)) for k in (-1, 0, 1, 2)]


def _cubic_share(offset: Tensor, near: bool) -> Tensor:
    x, a = offset.abs(), _CUBIC
    if near:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def _corners(lists: list[list[_Neighbour]]) -> list[tuple[_Neighbour, ...]]:
    from itertools import product

    return list(product(*lists))


def _take(input: Tensor, flat: Tensor) -> Tensor:
    """Values of ``(N, C, ...)`` at flat places ``(N, *out)``: ``(N, C, *out)``."""
    samples, channels = input.shape[:2]
    index = flat.reshape(samples, 1, -1).expand(samples, channels, -1)
    picked = input.reshape(samples, channels, -1).gather(2, index)
    return picked.reshape(samples, channels, *flat.shape[1:])
