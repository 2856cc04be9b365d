from collections import Counter
from itertools import pairwise

import pytest

from smis.studio.study.viewing_order import latin_row, turn, viewing_order


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 20])
def test_each_trial_is_at_each_place_once(size: int) -> None:
    rows = [latin_row(size, row) for row in range(size)]
    assert all(sorted(line) == list(range(size)) for line in (*rows, *zip(*rows, strict=True)))


@pytest.mark.parametrize(("size", "rows", "times"), [(6, 6, 1), (7, 14, 2), (20, 20, 1)])
def test_each_trial_follows_each_other_equally_often(size: int, rows: int, times: int) -> None:
    lines = [latin_row(size, row) for row in range(rows)]
    follows = Counter(pair for line in lines for pair in pairwise(line))
    assert len(follows) == size * (size - 1)
    assert set(follows.values()) == {times}


def test_a_volunteer_sees_every_trial_once_in_an_order_of_their_own() -> None:
    orders = [viewing_order(range(20), [20, 21], volunteer=volunteer) for volunteer in range(5)]
    assert all(sorted(order) == list(range(22)) for order in orders)
    assert len({tuple(order) for order in orders}) == 5
    assert orders[3] == viewing_order(range(20), [20, 21], volunteer=3)


def test_catch_trials_are_spread_over_the_study() -> None:
    for volunteer in range(40):
        order = viewing_order(range(20), [20, 21], volunteer=volunteer)
        first, second = sorted(order.index(catch) for catch in (20, 21))
        assert first < 11 <= second


def test_volunteers_who_see_a_part_share_out_the_whole() -> None:
    orders = [viewing_order(range(20), range(20, 24), volunteer=volunteer, limit=5) for volunteer in range(20)]
    assert {len(order) for order in orders} == {6}
    seen = Counter(trial for order in orders for trial in order)
    assert {seen[trial] for trial in range(20)} == {5}
    assert {seen[trial] for trial in range(20, 24)} == {5}
    assert len({trial for order in orders[:3] for trial in order if trial < 20}) == 15


@pytest.mark.parametrize("pictures", [2, 3])
def test_each_picture_is_at_each_place_equally_often(pictures: int) -> None:
    turned = [turn(range(12), pictures=pictures, volunteer=volunteer) for volunteer in range(pictures)]
    for volunteer in turned:
        assert Counter(volunteer[trial][0] for trial in range(12)) == dict.fromkeys(range(pictures), 12 // pictures)
    for trial in range(12):
        assert {each[trial][0] for each in turned} == set(range(pictures))
