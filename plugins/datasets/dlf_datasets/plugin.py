"""Light descriptor of the in-tree datasets: their names, and where each is loaded from."""

from __future__ import annotations

from dlf.plugin import DatasetSpec, hookimpl

__all__ = ["dlf_datasets"]


@hookimpl
def dlf_datasets() -> dict[str, DatasetSpec]:
    """Name `digits` (shipped) and `mnist` (read from a folder)."""
    return {
        "digits": DatasetSpec(
            load="dlf_datasets.digits:digits",
            description="1,797 handwritten digits, 8x8 (UCI); shipped with dlf",
            licence="CC BY 4.0",
        ),
        "mnist": DatasetSpec(
            load="dlf_datasets.mnist:mnist",
            description="70,000 handwritten digits, 28x28; four IDX files in DLF_DATA",
            licence="CC BY-SA 3.0",
        ),
    }
