"""A contact sheet: a row for each label map, a column for each step, the classes' colors below."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from smis.core.files import written
from smis.core.shapes import Picture

_SMALLEST, _LARGEST = 128, 256
"""Sides of a tile, in pixels: smaller pictures are enlarged by a whole number if they then fit, larger ones shrunk."""
_MARGIN, _GAP, _LINE, _SWATCH = 16, 8, 20, 12
_BETWEEN = 14
"""White below a row."""
_INK, _GREY = "#222222", "#777777"
_FONT = ImageFont.load_default(13)

Tile = tuple[str, Picture]
"""A caption, and what stands below it."""
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """What was made of one label map."""

    title: str
    tiles: Sequence[Tile]


def save(path: Path, rows: Sequence[Row], *, legend: Sequence[tuple[str, Color]], note: str = "") -> None:
    """Draw the sheet and write it as PNG.

    Raises:
        DiskError: if the file cannot be written.
    """
    with written(path) as beside:
        drawn(rows, legend=legend, note=note).save(beside, format="PNG", optimize=True)


def drawn(rows: Sequence[Row], *, legend: Sequence[tuple[str, Color]], note: str = "") -> Pictures.Image:
    """Lay everything out on white; the captions are those of the longest row."""
    fitted = [[(caption, _fitted(picture)) for caption, picture in row.tiles] for row in rows]
    heights = [max(tile.height for _, tile in tiles) for tiles in fitted]
    columns = _columns(fitted)
    width = columns[-1][0] + columns[-1][1] + _MARGIN
    lines = _lines(legend, width - 2 * _MARGIN)
    height = 2 * _MARGIN + sum(heights) + (_LINE + _BETWEEN) * len(rows) + _LINE * (1 + len(lines) + bool(note))
    sheet = Pictures.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(sheet)
    for (left, room), (caption, _) in zip(columns, max(fitted, key=len), strict=True):
        pen.text((left, _MARGIN), _cut(caption, room), fill=_INK, font=_FONT)
    top = _MARGIN + _LINE
    for row, tiles, row_height in zip(rows, fitted, heights, strict=True):
        pen.text((_MARGIN, top), _cut(row.title, width - 2 * _MARGIN), fill=_GREY, font=_FONT)
        for (left, _), (_, tile) in zip(columns, tiles, strict=False):
            sheet.paste(tile, (left, top + _LINE))
        top += _LINE + row_height + _BETWEEN
    _draw_legend(pen, lines, top=top)
    pen.text((_MARGIN, top + _LINE * len(lines)), note, fill=_GREY, font=_FONT)
    return sheet


def _columns(rows: Sequence[Sequence[tuple[str, Pictures.Image]]]) -> list[tuple[int, int]]:
    """Return left and width of each column."""
    columns: list[tuple[int, int]] = []
    left = _MARGIN
    for number in range(max(map(len, rows))):
        width = max(row[number][1].width for row in rows if number < len(row))
        columns.append((left, width))
        left += width + _GAP
    return columns


def _fitted(picture: Picture) -> Pictures.Image:
    tile = Pictures.fromarray(picture)
    scale = min(-(-_SMALLEST // min(tile.size)), _LARGEST // max(tile.size))
    if scale > 1:
        return tile.resize((tile.width * scale, tile.height * scale), Pictures.Resampling.NEAREST)
    tile.thumbnail((_LARGEST, _LARGEST), Pictures.Resampling.LANCZOS)
    return tile


def _lines(legend: Sequence[tuple[str, Color]], width: int) -> list[list[tuple[int, str, Color]]]:
    """Break the legend into lines of (left, name, color)."""
    lines: list[list[tuple[int, str, Color]]] = []
    left = width
    for name, color in legend:
        needed = _SWATCH + 5 + round(_FONT.getlength(name)) + 14
        if left + needed > width:
            lines.append([])
            left = 0
        lines[-1].append((_MARGIN + left, name, color))
        left += needed
    return lines


def _draw_legend(pen: ImageDraw.ImageDraw, lines: list[list[tuple[int, str, Color]]], *, top: int) -> None:
    for number, line in enumerate(lines):
        for left, name, color in line:
            y = top + number * _LINE
            pen.rectangle((left, y + 3, left + _SWATCH, y + 3 + _SWATCH), fill=color, outline="#bbbbbb")
            pen.text((left + _SWATCH + 5, y), name, fill=_INK, font=_FONT)


def _cut(text: str, width: int) -> str:
    """Shorten a text that is too wide."""
    if _FONT.getlength(text) <= width:
        return text
    while text and _FONT.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
