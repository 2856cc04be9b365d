"""Anyone's photographs: images/, labels/ and, where there are any, instances/, paired by name."""

from smis.datasets.folder.config import Config

__all__ = ["Config"]
