"""People in clothes, drawn by code: the built-in data set."""

from smis.datasets.paperdoll.config import Config
from smis.datasets.paperdoll.layout import Layout
from smis.datasets.paperdoll.paper_doll import PaperDoll

__all__ = ["Config", "Layout", "PaperDoll"]
