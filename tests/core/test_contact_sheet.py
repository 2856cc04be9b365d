from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.core.contact_sheet import GAP, GROUP_GAP, MARGIN, Group, color_labels, columns, grid, paint, save, spans, tile

SMALL, LARGE = np.zeros((64, 64, 3), np.uint8), np.zeros((512, 1024, 3), np.uint8)


def fitted(pixels: np.ndarray) -> Image.Image:
    return tile(pixels, smallest=128, largest=256)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 64), (128, 128)), ((512, 1024), (128, 256)), ((8, 512), (4, 256)), ((100, 100), (200, 200))],
)
def test_a_tile_is_enlarged_by_a_whole_factor_or_shrunk(size: tuple[int, int], expected: tuple[int, int]) -> None:
    image = fitted(np.zeros((*size, 3), np.uint8))
    assert (image.height, image.width) == expected


def test_the_colors_of_a_label_map_are_those_of_its_palette_at_every_size() -> None:
    palette = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    for size in (5, 300):
        labels = np.arange(size * size).reshape(size, size) % 3
        enlarged = tile(color_labels(labels, palette), largest=256, smooth=False)
        assert {color for _, color in enlarged.getcolors() or []} == set(palette)


def test_a_sheet_has_a_row_for_each_title_and_lines_of_classes_below() -> None:
    rows = [[("labels", fitted(SMALL)), ("image", fitted(LARGE))], [("labels", fitted(SMALL))]]
    bare = paint(columns(rows), row_titles=["one", "two"])
    assert bare.width == MARGIN + 128 + 2 * GAP + 256 + MARGIN
    assert np.asarray(bare)[MARGIN + 20 : -MARGIN, MARGIN + 128 : MARGIN + 128 + 2 * GAP].min() == 255
    legend = [(f"class number {n}", (n, n, n)) for n in range(9)]
    with_legend = paint(columns(rows), row_titles=["one", "two"], legend=legend, note="the first 2 of 3 label maps")
    assert with_legend.height > bare.height + 2 * 20
    assert with_legend.width == bare.width


def test_groups_of_several_columns_lie_further_apart_than_their_tiles() -> None:
    groups = [Group("layout", [[fitted(SMALL), None]] * 3), Group("samples", [[fitted(SMALL)] * 3] * 3)]
    assert spans(groups) == [(0, 256 + GAP), (256 + GAP + GROUP_GAP, 640 + 3 * GAP + GROUP_GAP)]
    assert grid(groups).size == (640 + 3 * GAP + GROUP_GAP, 3 * 128 + 2 * GAP)
    assert np.asarray(grid(groups))[:, 128 + GAP : 256 + GAP, 3].max() == 0, "nothing is transparent"


def test_a_saved_sheet_is_a_png_file(tmp_path: Path) -> None:
    save(tmp_path / "sheet.png", paint([Group("", [[fitted(SMALL)]])]))
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (128 + 2 * MARGIN, 128 + 2 * MARGIN)
