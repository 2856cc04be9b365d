import time

import pytest
import torch
from torch import nn

from smis.metrics.cost import images_per_second, parameter_counts, parameters
from smis.metrics.result import Bootstrap


def test_parameters_are_learned_numbers_and_no_buffers() -> None:
    assert parameters(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))) == 3 * 2 + 2 + 2 + 2
    assert parameters(None) == 0


def test_a_system_without_an_encoder_counts_its_generator_twice_the_same() -> None:
    generator, encoder = nn.Linear(3, 2), nn.Linear(2, 2)
    assert [result.value for result in parameter_counts(generator, encoder)] == [8, 14]
    assert [result.value for result in parameter_counts(generator, None)] == [8, 8]


def test_a_run_of_10_ms_for_2_images_makes_200_images_per_second_at_most() -> None:
    result = images_per_second(
        lambda: time.sleep(0.01), batch=2, device=torch.device("cpu"), repeats=5, bootstrap=Bootstrap(50)
    )
    assert 20 < result.value <= 200
    assert result.interval[0] <= result.value <= result.interval[1]
    assert result.protocol["device"] == "cpu"


def test_the_first_runs_are_not_timed() -> None:
    waits = iter([0.2, 0.2, 0.2] + [0.0] * 5)
    result = images_per_second(
        lambda: time.sleep(next(waits)), batch=1, device=torch.device("cpu"), repeats=5, bootstrap=Bootstrap(50)
    )
    assert result.interval[0] > 1 / 0.2
    with pytest.raises(StopIteration):
        next(waits)
