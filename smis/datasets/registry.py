"""Data sets by name; each row leads to its Config, whose `build()` gives the reader."""

from smis.core.registry import Registry

DATASETS = Registry(
    "data set",
    {
        "folder": "smis.datasets.folder:Config",
        "paperdoll": "smis.datasets.paperdoll:Config",
    },
)
