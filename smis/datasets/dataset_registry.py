"""Data sets by name; each row leads to its Config, whose `build()` gives the reader.

Example:
    >>> DATASETS.load("paperdoll")().build().count("test")
    256
"""

from smis.core.registry import Registry

DATASETS = Registry(
    "data set",
    {
        "ade20k": "smis.datasets.ade20k:Config",
        "celebamask": "smis.datasets.celebamask:Config",
        "cityscapes": "smis.datasets.cityscapes:Config",
        "clothing": "smis.datasets.clothing:Config",
        "coco_stuff": "smis.datasets.coco_stuff:Config",
        "deepfashion": "smis.datasets.deepfashion:Config",
        "folder": "smis.datasets.folder:Config",
        "paperdoll": "smis.datasets.paperdoll:Config",
    },
)
