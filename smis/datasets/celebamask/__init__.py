"""CelebAMask-HQ: faces with 19 classes."""

from smis.datasets.celebamask.config import Config

__all__ = ["Config"]
