"""Small pictures in a grid, with room between its groups and words above them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

GAP, WIDE_GAP, HEADER = 4, 18, 40
_HEAT = np.array([[10, 8, 32], [74, 20, 108], [176, 48, 88], [243, 120, 36], [250, 206, 92], [255, 255, 235]])
_FULL_HEAT = 56.0
"""A standard deviation (of 0..255) that is shown as hottest."""


@dataclass(frozen=True)
class Group:
    """Columns that belong together; a tile is None where there is nothing to show."""

    title: str
    rows: Sequence[Sequence[Image.Image | None]]

    @property
    def columns(self) -> int:
        """Count the tiles of a row."""
        return len(self.rows[0])


def photo(pixels: ndarray, *, side: int) -> Image.Image:
    """Scale a picture (h, w, 3, uint8) to a height of `side`."""
    return Image.fromarray(pixels).resize(_size(pixels, side), Image.Resampling.LANCZOS)


def label_map(labels: ndarray, palette: Sequence[tuple[int, int, int]], *, side: int) -> Image.Image:
    """Color a label map (h, w)."""
    colors = np.array(palette, np.uint8)[labels]
    return Image.fromarray(colors).resize(_size(colors, side), Image.Resampling.NEAREST)


def heat(samples: ndarray, area: ndarray, *, side: int) -> Image.Image:
    """Show where samples (n, h, w, 3) differ, dark to bright, with a line around the area (h, w, bool)."""
    spread = np.clip(samples.astype(np.float32).std(axis=0).mean(axis=-1) / _FULL_HEAT, 0, 1)
    places = np.linspace(0, 1, len(_HEAT))
    colors = np.stack([np.interp(spread, places, _HEAT[:, channel]) for channel in range(3)], axis=-1)
    tile = np.array(photo(colors.astype(np.uint8), side=side))
    inside = np.array(Image.fromarray(area).resize((tile.shape[1], tile.shape[0]), Image.Resampling.NEAREST))
    tile[_border(inside)] = (90, 220, 255)
    return Image.fromarray(tile)


def grid(groups: Sequence[Group]) -> Image.Image:
    """Put groups side by side on a transparent ground."""
    width, height = _tile(groups)
    sheet = Image.new("RGBA", (offsets(groups)[-1] - WIDE_GAP, len(groups[0].rows) * (height + GAP) - GAP))
    for group, left in zip(groups, offsets(groups), strict=False):
        for down, row in enumerate(group.rows):
            for across, tile in enumerate(row):
                if tile is not None:
                    sheet.paste(tile, (left + across * (width + GAP), down * (height + GAP)))
    return sheet


def offsets(groups: Sequence[Group]) -> list[int]:
    """Return where each group begins, and at last where one more would."""
    width, _ = _tile(groups)
    spans = [group.columns * (width + GAP) - GAP + WIDE_GAP for group in groups]
    return [0, *np.cumsum(spans).tolist()]


def titled(groups: Sequence[Group], *, names: Sequence[str] = ()) -> Image.Image:
    """Put the grid on white, with the groups' titles above and names of equal shares of the rows at the left."""
    sheet, font = grid(groups), ImageFont.load_default(17)
    margin = 16 + (max(int(font.getlength(name)) for name in names) + 16 if names else 0)
    page = Image.new("RGB", (sheet.width + margin + 16, sheet.height + HEADER + 16), "white")
    page.paste(sheet, (margin, HEADER), sheet)
    pen = ImageDraw.Draw(page)
    for group, left in zip(groups, offsets(groups), strict=False):
        pen.text((margin + left, HEADER - 9), group.title, fill="#374151", font=font, anchor="ls")
    for number, name in enumerate(names):
        middle = HEADER + sheet.height * (2 * number + 1) // (2 * len(names))
        pen.text((16, middle), name, fill="#111827", font=font, anchor="lm")
        if number:
            border = HEADER + (sheet.height + GAP) * number // len(names) - GAP // 2
            pen.line((16, border, page.width - 16, border), fill="#9ca3af", width=2)
    return page


def _tile(groups: Sequence[Group]) -> tuple[int, int]:
    return next(tile.size for group in groups for row in group.rows for tile in row if tile is not None)


def _size(pixels: ndarray, side: int) -> tuple[int, int]:
    height, width = pixels.shape[:2]
    return round(width * side / height), side


def _border(inside: ndarray) -> ndarray:
    """Mark the pixels of the area that have a neighbor outside it."""
    padded = np.pad(inside, 1, mode="edge")
    all_inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~all_inside
