"""The levels of conformance: what a device of each must have, and which cases it must pass."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..registry import registry
from .case import GROUPS, Case
from .skips import some
from .subject import Subject

__all__ = [
    "ELEMENTWISE",
    "LEVELS",
    "NEEDED",
    "OPTIONAL",
    "attained",
    "check_level",
    "composites",
    "fused",
    "groups",
    "lacking",
    "required_cases",
    "required_primitives",
]

LEVELS = ("L0", "L1", "L2")

NEEDED = ("int64", "bool")
"""The dtypes that every device stores: for indices, and for the results of comparisons."""

# Primitives that no level requires, by the reason why not.
OPTIONAL = {
    "few models need it, and docs/kernel-contract.md lets a backend leave it to the host": (
        "asin acos atan lgamma digamma erfinv"
    ),
    "it belongs to the optional group linalg": "cholesky qr svd eigh lu solve",
}

# Composites each of whose results depends on one element of each input. `dlf.xp` gives most of them
# to every device, so a kernel of one shows no fused kernel.
ELEMENTWISE = frozenset(
    (
        "relu threshold sigmoid logsigmoid softplus silu mish elu leaky_relu prelu hardtanh "
        "hardsigmoid hardswish softsign tanhshrink hardshrink softshrink gelu clamp "
        "threshold_backward sigmoid_backward silu_backward gelu_backward shrink_backward "
        "ceil trunc reciprocal rsqrt square exp2 log2 log10 sinh cosh tan asinh acosh atanh erfc "
        "isnan isinf isfinite ne gt ge masked_scale overwrite"
    ).split()
)

_WITH_KERNELS = tuple(group for group in GROUPS if group != "L2")


def check_level(level: str | None) -> None:
    """ValueError unless `level` is None or one of `LEVELS`."""
    if level is not None and level not in LEVELS:
        raise ValueError(f"level {level!r}: expected one of {', '.join(LEVELS)}")


def required_primitives() -> list[str]:
    """The primitives that a device of L1 has kernels for.

    Those of the registry but for `OPTIONAL` ones and those that run by a decomposition.
    """
    optional = {name for names in OPTIONAL.values() for name in names.split()}
    return [
        op.name
        for op in registry
        if op.kind == "primitive" and not op.decomposes and op.name not in optional
    ]


def lacking(subject: Subject) -> list[str]:
    """The required primitives that the device has no kernel for."""
    return [name for name in required_primitives() if not subject.native(name)]


def composites(subject: Subject) -> list[str]:
    """The composites and optimizers' updates that the device has a kernel for."""
    kinds = ("composite", "step")
    return [op.name for op in registry if op.kind in kinds and subject.native(op.name)]


def fused(subject: Subject) -> list[str]:
    """Those of `composites` that are not `ELEMENTWISE`: what makes a device one of L2."""
    return [name for name in composites(subject) if name not in ELEMENTWISE]


def bare(subject: Subject) -> bool:
    """Whether the device has no primitive kernel at all, as a backend at L0."""
    return not any(op.kind == "primitive" and subject.native(op.name) for op in registry)


def attained(subject: Subject) -> str:
    """The highest level for which the device has the kernels."""
    if lacking(subject):
        return "L0"
    return "L2" if fused(subject) else "L1"


def groups(subject: Subject, level: str | None) -> tuple[str, ...]:
    """The groups whose cases are run; level None asks for all that the device has kernels for."""
    if level == "L0" or (level is None and bare(subject)):
        return ("L0", "system", "plugin")
    return _WITH_KERNELS if level == "L1" else tuple(GROUPS)


def policy(subject: Subject, level: str | None, group: str) -> str:
    """The fallback policy under which the cases of `group` run.

    What a device computes itself is tested without the host's help. Training a model on a device
    that does not claim all primitives needs that help.
    """
    helped = level == "L0" or (level is None and bool(lacking(subject)))
    return "allow" if helped and group in ("L0", "system", "plugin") else "error"


def required_cases(level: str | None) -> Iterator[Case]:
    """One case for each kernel that `level` requires."""
    if level in ("L1", "L2"):
        for name in required_primitives():
            yield Case(f"required/{name}", partial(_has, name), "L1", name)
    if level == "L2":
        yield Case("required/fused", _has_fused, "L2")


# Raised, not asserted: pytest would write more into an assertion's message.


def _has(name: str, subject: Subject) -> None:
    if not subject.native(name):
        source = subject.source(name)
        raise AssertionError(f"no kernel of its own for the required primitive {name} ({source})")


def _has_fused(subject: Subject) -> None:
    if not fused(subject):
        found = composites(subject)
        but = f", only of elementwise ones: {some(found)}" if found else ""
        raise AssertionError(f"no fused kernel of any composite{but}")
