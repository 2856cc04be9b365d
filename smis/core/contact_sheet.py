"""Contact sheets: images in rows and columns, with captions, row titles and a legend of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from smis.core.files import written

Color = tuple[int, int, int]
Captioned = tuple[str, Image.Image]

MARGIN, GAP, GROUP_GAP = 16, 4, 18
"""Pixels around the sheet, between neighboring tiles, and between groups of several columns."""
_LINE, _ROW_GAP, _SWATCH = 22, 10, 12
_BLACK, _GRAY, _RULE = "#111827", "#6b7280", "#9ca3af"
_FONT = ImageFont.load_default(14)


@dataclass(frozen=True)
class Group:
    """Neighboring columns below one caption; a tile is None where there is nothing to show."""

    caption: str
    rows: Sequence[Sequence[Image.Image | None]]


def color_labels(labels: ndarray, palette: Sequence[Sequence[int]]) -> ndarray:
    """Return a label map (h, w) in the colors of its classes: (h, w, 3), uint8.

    Example:
        >>> color_labels(np.array([[1, 0]]), [(0, 0, 0), (255, 128, 0)]).tolist()
        [[[255, 128, 0], [0, 0, 0]]]
    """
    return np.asarray(palette, dtype=np.uint8)[labels]


def tile(pixels: ndarray, *, smallest: int = 112, largest: int | None = None, smooth: bool = True) -> Image.Image:
    """Make a tile of pixels (h, w, 3): enlarged by a whole factor, or shrunk to sides of at most `largest` pixels.

    Args:
        pixels: RGB, uint8.
        smallest: Least length of the shorter side, as far as `largest` allows.
        largest: Greatest length of the longer side; None for no limit.
        smooth: Whether to interpolate; the colors of label maps must stay what they are.
    """
    image = Image.fromarray(pixels)
    factor = -(-smallest // min(image.size))
    if largest is not None:
        factor = min(factor, largest // max(image.size))
    if factor > 1:
        method = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
        return image.resize((image.width * factor, image.height * factor), method)
    if largest is not None:
        image.thumbnail((largest, largest), Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST)
    return image


def columns(rows: Sequence[Sequence[Captioned]]) -> list[Group]:
    """Turn rows of captioned tiles into columns, captioned as the longest row; shorter rows are filled up."""
    longest = max(rows, key=len)
    filled = [[*[image for _, image in row], *[None] * (len(longest) - len(row))] for row in rows]
    return [Group(caption, [[row[number]] for row in filled]) for number, (caption, _) in enumerate(longest)]


def grid(groups: Sequence[Group], *, row_gap: int = GAP) -> Image.Image:
    """Lay the tiles out on a transparent ground, without words."""
    lefts, widths = _columns(groups)
    tops, heights = _rows(groups, gap=row_gap)
    sheet = Image.new("RGBA", (lefts[-1] + widths[-1], tops[-1] + heights[-1]))
    for row, top in enumerate(tops):
        tiles = [image for group in groups for image in group.rows[row]]
        for left, image in zip(lefts, tiles, strict=True):
            if image is not None:
                sheet.paste(image, (left, top))
    return sheet


def spans(groups: Sequence[Group]) -> list[tuple[int, int]]:
    """Return where each group's columns begin and end, in pixels of the grid."""
    lefts, widths = _columns(groups)
    ends = list(accumulate(len(group.rows[0]) for group in groups))
    starts = [0, *ends[:-1]]
    return [(lefts[start], lefts[end - 1] + widths[end - 1]) for start, end in zip(starts, ends, strict=True)]


def paint(
    groups: Sequence[Group],
    *,
    row_titles: Sequence[str] = (),
    blocks: Sequence[str] = (),
    legend: Sequence[tuple[str, Color]] = (),
    note: str = "",
    margin: int = MARGIN,
) -> Image.Image:
    """Put the grid on white, with the groups' captions above it.

    Args:
        groups: Columns, from left to right; all have equally many rows.
        row_titles: A line above each row.
        blocks: Names at the left of equal shares of the rows, which a rule divides.
        legend: Names and colors of classes, below.
        note: A last line.
        margin: White around it all, in pixels.

    Example:
        >>> black = tile(np.zeros((32, 64, 3), np.uint8))
        >>> sheet = paint([Group("samples", [[black, black]])], row_titles=["map 1"])
        >>> black.size, sheet.size
        ((256, 128), (548, 204))
    """
    row_gap = _LINE + _ROW_GAP if row_titles else GAP
    tiles = grid(groups, row_gap=row_gap)
    left = margin + (max(round(_FONT.getlength(name)) for name in blocks) + MARGIN if blocks else 0)
    top = margin + _LINE * (any(group.caption for group in groups) + bool(row_titles))
    lines = _legend_lines(legend, width=tiles.width)
    below = _LINE * (len(lines) + bool(note))
    height = top + tiles.height + (below and _ROW_GAP) + below + margin
    sheet = Image.new("RGB", (left + tiles.width + margin, height), "white")
    sheet.paste(tiles, (left, top), tiles)
    pen = ImageDraw.Draw(sheet)
    for group, (start, end) in zip(groups, spans(groups), strict=True):
        pen.text((left + start, margin), _cut(group.caption, end - start), fill=_BLACK, font=_FONT)
    for title, y in zip(row_titles, _rows(groups, gap=row_gap)[0], strict=False):
        pen.text((left, top + y - _LINE), _cut(title, tiles.width), fill=_GRAY, font=_FONT)
    _draw_blocks(pen, blocks, top=top, size=tiles.size, left=margin, right=sheet.width - margin)
    words_top = top + tiles.height + _ROW_GAP
    _draw_legend(pen, lines, left=left, top=words_top)
    pen.text((left, words_top + _LINE * len(lines)), note, fill=_GRAY, font=_FONT)
    return sheet


def save(path: Path, sheet: Image.Image) -> None:
    """Write a sheet as PNG.

    Raises:
        DiskError: if the file cannot be written.
    """
    with written(path) as beside:
        sheet.save(beside, format="PNG", optimize=True)


def _columns(groups: Sequence[Group]) -> tuple[list[int], list[int]]:
    """Return left end and width of each column; an empty one is as wide as the widest."""
    columns = [[row[number] for row in group.rows] for group in groups for number in range(len(group.rows[0]))]
    widths = _largest_sides(columns, axis=0)
    group_gap = GROUP_GAP if any(len(group.rows[0]) > 1 for group in groups) else 2 * GAP
    gaps = [GAP if number else group_gap for group in groups for number in range(len(group.rows[0]))]
    steps = zip(widths[:-1], gaps[1:], strict=True)
    return list(accumulate((width + gap for width, gap in steps), initial=0)), widths


def _rows(groups: Sequence[Group], *, gap: int) -> tuple[list[int], list[int]]:
    """Return top and height of each row; an empty one is as high as the highest."""
    rows = [[image for group in groups for image in group.rows[number]] for number in range(len(groups[0].rows))]
    heights = _largest_sides(rows, axis=1)
    return list(accumulate((height + gap for height in heights[:-1]), initial=0)), heights


def _largest_sides(lines: Sequence[Sequence[Image.Image | None]], *, axis: int) -> list[int]:
    sides = [max((image.size[axis] for image in line if image is not None), default=0) for line in lines]
    return [side or max(sides) for side in sides]


def _draw_blocks(
    pen: ImageDraw.ImageDraw, blocks: Sequence[str], *, top: int, size: tuple[int, int], left: int, right: int
) -> None:
    for number, name in enumerate(blocks):
        middle = top + size[1] * (2 * number + 1) // (2 * len(blocks))
        pen.text((left, middle), name, fill=_BLACK, font=_FONT, anchor="lm")
        if number:
            y = top + (size[1] + GAP) * number // len(blocks) - GAP // 2
            pen.line((left, y, right, y), fill=_RULE, width=2)


def _legend_lines(legend: Sequence[tuple[str, Color]], *, width: int) -> list[list[tuple[int, str, Color]]]:
    """Break the legend into lines of (left, name, color)."""
    lines: list[list[tuple[int, str, Color]]] = []
    left = width
    for name, color in legend:
        needed = _SWATCH + 5 + round(_FONT.getlength(name)) + 14
        if left + needed > width:
            lines.append([])
            left = 0
        lines[-1].append((left, name, color))
        left += needed
    return lines


def _draw_legend(
    pen: ImageDraw.ImageDraw, lines: Sequence[Sequence[tuple[int, str, Color]]], *, left: int, top: int
) -> None:
    for number, line in enumerate(lines):
        y = top + _LINE * number
        for offset, name, color in line:
            x = left + offset
            pen.rectangle((x, y + 3, x + _SWATCH, y + 3 + _SWATCH), fill=color, outline="#bbbbbb")
            pen.text((x + _SWATCH + 5, y), name, fill=_BLACK, font=_FONT)


def _cut(text: str, width: int) -> str:
    """Shorten a text that is wider than `width` pixels."""
    if _FONT.getlength(text) <= width:
        return text
    while text and _FONT.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
