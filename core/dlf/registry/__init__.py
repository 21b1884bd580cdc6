"""The op registry: one declaration an op, and the functions that run it.

An op's public face is a plain Python function with an attribute ``op``; `unary`, `binary`,
`primitive` and `composite` make it. What they make looks the kernel up by slot in the device's
table, wraps the result, and records a node when a gradient will be wanted. Nothing else stands on
that path.

To be read in this order: `op` (what an op is), `elementwise` (calling one), `record` (what becomes
of the result), `declare`, `operands`, `table`.
"""

from .declare import composite, primitive
from .elementwise import binary, unary
from .op import Op
from .operands import settle
from .record import link
from .table import Registry, registry

__all__ = [
    "Op",
    "Registry",
    "binary",
    "composite",
    "link",
    "primitive",
    "registry",
    "settle",
    "unary",
]
