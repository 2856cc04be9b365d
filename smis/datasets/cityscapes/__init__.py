"""Cityscapes: streets seen from a car."""

from smis.datasets.cityscapes.config import Config

__all__ = ["Config"]
