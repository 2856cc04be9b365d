"""The report as one HTML page that asks nothing of the network: pictures and curves are in it."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from pipelines.report.sections import Section
from smis.core.contact_sheet import Group, grid, spans


def write(sections: Sequence[Section]) -> str:
    """Return the page."""
    templates = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters |= {"sheet": sheet, "titles": titles, "pretty": pretty}
    return environment.get_template("template.html").render(sections=sections)


def sheet(groups: Sequence[Group]) -> str:
    """Return a system's pictures as a data URI."""
    return _uri(grid(groups))


def titles(groups: Sequence[Group]) -> list[tuple[str, float, float]]:
    """Return each group's caption with the left end and the width of its columns, in percent of the sheet."""
    ends = spans(groups)
    whole = ends[-1][1]
    return [
        (group.caption, 100 * start / whole, 100 * (end - start) / whole)
        for group, (start, end) in zip(groups, ends, strict=True)
    ]


def pretty(value: object) -> str:
    """Write a field of a protocol."""
    return value if isinstance(value, str) else json.dumps(value)


def _uri(image: Image.Image) -> str:
    memory = io.BytesIO()
    image.save(memory, "WEBP", quality=90, method=4)
    return f"data:image/webp;base64,{base64.b64encode(memory.getvalue()).decode()}"
