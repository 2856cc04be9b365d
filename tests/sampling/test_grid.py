from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from smis.sampling import grid

PALETTE = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_rows_are_label_maps_and_columns_what_is_made_of_them(toy: ModuleType) -> None:
    columns = grid.rows(toy.Toy().eval(), [toy.batch_of(0, 1), toy.batch_of(1, 1)], palette=PALETTE, seed=0, samples=2)
    captions = [caption for caption, _ in columns]
    assert captions == ["labels", "real", "everything", "everything", "one class", "one class"]
    assert {len(tiles) for _, tiles in columns} == {2}
    labels = toy.batch_of(0, 1).labels[0].numpy()
    assert (columns[0][1][0] == np.array(PALETTE)[labels]).all()


def test_a_grid_is_a_picture_in_which_small_tiles_are_enlarged(tmp_path: Path) -> None:
    tile = np.full((8, 8, 3), 200, dtype=np.uint8)
    grid.save(tmp_path / "grid.png", [("labels", [tile, tile]), ("real", [tile, tile])])
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[1] == 2 * (96 + 4) + 4
    assert (pixels[30, 50] == 200).all()


def test_the_second_largest_class_is_the_one_that_varies() -> None:
    labels = np.array([[0, 0, 0], [0, 2, 2], [1, 2, 2]], dtype=np.uint8)
    assert grid._varied(labels) in {0, 2}
    assert grid._varied(np.ones((2, 2), dtype=np.uint8)) == 1
