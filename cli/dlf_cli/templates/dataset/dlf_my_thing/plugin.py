"""Says where the dataset is. Imported for every list of datasets, so nothing slow here."""

from dlf.plugin import DatasetSpec, hookimpl


@hookimpl
def dlf_datasets():
    return {
        "my_thing": DatasetSpec(
            load="dlf_my_thing.dataset:my_thing",
            # Write here: one line for `dlf datasets list`, and the licence of the data.
            description="bright and dark squares, 8x8",
            licence="CC0-1.0",
        )
    }
