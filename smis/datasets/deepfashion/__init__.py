"""DeepFashion: people in clothes, with the parsing maps of SMIS's release."""

from smis.datasets.deepfashion.config import Config

__all__ = ["Config"]
