from types import ModuleType

import numpy as np

from smis.sampling import grid

PALETTE = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_rows_are_label_maps_and_columns_what_is_made_of_them(toy: ModuleType) -> None:
    batches = [toy.batch_of(0, 1), toy.batch_of(1, 1)]
    groups = grid.sample_groups(toy.Toy().eval(), batches, palette=PALETTE, seed=0, samples=2)
    assert [group.caption for group in groups] == ["labels, real", "everything varies", "one class varies"]
    assert {(len(group.rows), len(row)) for group in groups for row in group.rows} == {(2, 2)}
    labels = batches[0].labels[0].numpy()
    tile = groups[0].rows[0][0]
    assert tile is not None
    factor = tile.width // labels.shape[1]
    assert (np.asarray(tile)[::factor, ::factor] == np.array(PALETTE)[labels]).all()


def test_the_second_largest_class_is_the_one_that_varies() -> None:
    labels = np.array([[0, 0, 0], [0, 2, 2], [1, 2, 2]], dtype=np.uint8)
    assert grid._second_largest(labels) in {0, 2}
    assert grid._second_largest(np.ones((2, 2), dtype=np.uint8)) == 1
