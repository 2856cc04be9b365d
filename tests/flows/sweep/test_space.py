"""The settings that a sweep may try."""

import pytest

from flows.sweep import Dimension
from flows.sweep.space import Space, points

WIDTH = Dimension(path="systems.one.width", choices=[1, 2])
RATE = Dimension(path="train.rate", choices=[0.1, 0.2])


def test_a_grid_has_every_combination_and_a_systems_own_parameters_for_it_alone() -> None:
    settings = list(Space(["one", "two"], ["doll"], [WIDTH, RATE]).grid())
    assert len(settings) == 2 * 2 + 2
    assert settings[0] == {"dataset": "doll", "system": "one", "systems.one.width": 1, "train.rate": 0.1}
    assert settings[-1] == {"dataset": "doll", "system": "two", "train.rate": 0.2}


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ({"low": 0, "high": 1}, [0, 0.5, 1]),
        ({"low": 0.01, "high": 1, "log": True}, [0.01, 0.1, 1]),
        ({"low": 1, "high": 4, "integer": True, "points": 9}, [1, 2, 3, 4]),
        ({"choices": [8, 8, 4]}, [8, 4]),
        ({"choices": [[8], None, [8], [4, 2]]}, [[8], None, [4, 2]]),
    ],
)
def test_a_grid_tries_points_of_a_range_at_even_distances(said: dict[str, object], values: list[object]) -> None:
    assert points(Dimension.model_validate({"path": "train.rate", **said})) == values
