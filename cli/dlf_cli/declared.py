"""All declared ops: dlf's own and those of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlf.registry import Op

__all__ = ["declared_ops"]


def declared_ops() -> dict[str, Op]:
    """Every op by name, once the plugins have declared theirs."""
    import dlf.nn  # declares its ops
    import dlf.optim  # noqa: F401  # declares its step ops
    from dlf.plugin.host import get_host
    from dlf.registry import registry

    get_host().register_ops(registry)
    return {op.name: op for op in registry}
