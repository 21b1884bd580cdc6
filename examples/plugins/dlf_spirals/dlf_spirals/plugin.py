"""Tells dlf of the dataset; its function is imported when somebody asks for it."""

from dlf.plugin import DatasetSpec, hookimpl


@hookimpl
def dlf_datasets():
    return {
        "spirals": DatasetSpec(
            load="dlf_spirals.dataset:spirals",
            description="3,000 points on three arms of a spiral; made, not measured",
            licence="CC0-1.0",
        )
    }
