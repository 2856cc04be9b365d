"""COCO-Stuff: everyday photographs, with 182 classes of things and stuff."""

from smis.datasets.coco_stuff.config import Config

__all__ = ["Config"]
