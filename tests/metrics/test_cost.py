import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from smis.metrics.cost import flops, images_per_second, parameter_counts, parameters, peak_memory
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


def test_a_convolution_costs_two_operations_for_each_weight_at_each_place() -> None:
    layer, image = nn.Conv2d(3, 8, 5, padding=2), torch.zeros(2, 3, 16, 16)
    assert flops(lambda: layer(image), batch=2).value == 2 * 3 * 8 * 5 * 5 * 16 * 16


def test_the_peak_is_what_was_in_use_at_once() -> None:
    """In a process of its own: here, what other tests leave to the collector comes and goes meanwhile."""
    code = """
import torch
from smis.metrics.cost import peak_memory
for mebibytes in (1, 96):
    print(peak_memory(lambda: torch.zeros(mebibytes, 1 << 18).sum(), batch=1, device=torch.device("cpu")).value)
"""
    small, large = map(float, subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert 60 << 20 < large - small < 130 << 20


def test_the_protocol_says_what_the_peak_counts() -> None:
    counted = peak_memory(lambda: None, batch=1, device=torch.device("cpu")).protocol["counted"]
    assert counted == "resident set of the process"
