"""The last stage: tables, training curves and sample images as an HTML page, as Markdown and as JSON."""

from pipelines.report.config import Params

__all__ = ["Params"]
