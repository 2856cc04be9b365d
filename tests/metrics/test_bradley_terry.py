import numpy as np
import pytest

from smis.core.errors import ParamsError
from smis.metrics.bradley_terry import preferred, strengths

BASEBALL = np.array(
    # Agresti, "Categorical Data Analysis" (1990), section 10.6: American League 1987, eastern division
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    dtype=np.float64,
)


def test_strengths_are_the_published_ones_of_seven_baseball_teams() -> None:
    found = strengths(BASEBALL, prior=0.0)
    # Turner and Firth, "Bradley-Terry Models in R" (Journal of Statistical Software 2012), section 2: Baltimore is 0
    expected = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0]
    assert found - found[-1] == pytest.approx(expected, abs=5e-5)
    assert found.mean() == pytest.approx(0, abs=1e-12)


def test_of_two_systems_the_strengths_are_the_log_odds() -> None:
    found = strengths(np.array([[0.0, 30.0], [10.0, 0.0]]), prior=0.0)
    assert found[0] - found[1] == pytest.approx(np.log(3), abs=1e-9)
    assert preferred(found) == pytest.approx([0.75, 0.25], abs=1e-9)


def test_at_the_maximum_each_system_wins_as_often_as_expected() -> None:
    found = strengths(BASEBALL, prior=0.0)
    games = BASEBALL + BASEBALL.T
    expected = (games / (1 + np.exp(found[None, :] - found[:, None]))).sum(axis=1)
    assert expected == pytest.approx(BASEBALL.sum(axis=1), abs=1e-6)


def test_many_tables_at_once_give_what_each_alone_gives() -> None:
    tables = np.stack([BASEBALL, BASEBALL.T, BASEBALL + 1])
    assert strengths(tables) == pytest.approx(np.stack([strengths(table) for table in tables]), abs=1e-8)


def test_half_a_vote_keeps_the_strength_of_one_that_always_won_finite() -> None:
    always = np.array([[0.0, 8.0], [0.0, 0.0]])
    found = strengths(always)
    assert found[0] - found[1] == pytest.approx(np.log(8.5 / 0.5), abs=1e-8)
    with pytest.raises(ParamsError, match="always won"):
        strengths(always, prior=0.0)


def test_systems_that_were_never_compared_are_refused() -> None:
    apart = np.zeros((4, 4))
    apart[0, 1] = apart[1, 0] = apart[2, 3] = apart[3, 2] = 3
    with pytest.raises(ParamsError, match="never compared"):
        strengths(apart)


@pytest.mark.parametrize("wins", [np.zeros((1, 1)), np.full((2, 2), np.nan), np.array([[0.0, -1.0], [1.0, 0.0]])])
def test_what_is_no_table_of_wins_is_refused(wins: np.ndarray) -> None:
    with pytest.raises(ParamsError, match="wins are"):
        strengths(wins)
