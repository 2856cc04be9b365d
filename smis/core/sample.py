"""One labelled picture, as readers of data sets yield it and as the prepared format returns it."""

from dataclasses import dataclass

from smis.core.shapes import Picture, PictureInstances, PictureLabels


@dataclass(frozen=True, eq=False)
class Sample:
    """Hold one picture (RGB, 0..255), its class of every pixel and its object of every pixel, as they lie on disk."""

    key: str
    """Names the picture within its data set, for example the path of its file without the ending."""
    split: str
    image: Picture
    labels: PictureLabels
    instances: PictureInstances
    """Ids dense from 0; every pixel belongs to one instance, and an instance has one class."""
