import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import torch
from torch import nn

from smis.metrics.cost import BatchCost, Cost, flops, parameters, peak_memory, seconds
from smis.metrics.image.result import Bootstrap, Result

CPU = torch.device("cpu")


def cost(generator: nn.Module | None = None, encoder: nn.Module | None = None, *, batch: int = 1) -> Cost:
    return Cost(generator or nn.Linear(3, 2), encoder, batch=batch, device=CPU)


def computed(spent: Cost) -> dict[str, Result]:
    return {result.name: result for result in spent.compute(Bootstrap(200))}


def asleep(waits: list[float]) -> Callable[[], None]:
    return lambda: time.sleep(waits.pop(0))


def test_parameters_are_learned_numbers_and_no_buffers() -> None:
    assert parameters(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))) == 3 * 2 + 2 + 2 + 2
    assert parameters(None) == 0


@pytest.mark.parametrize(("encoder", "both"), [(nn.Linear(2, 2), 14), (None, 8)])
def test_the_encoder_counts_in_one_of_two_counts_of_parameters(encoder: nn.Module | None, both: int) -> None:
    spent = cost(nn.Linear(3, 2), encoder)
    spent.update(["map"], lambda: None)
    results = computed(spent)
    assert (results["parameters_g"].value, results["parameters_ge"].value) == (8, both)
    assert results["parameters_ge"].interval == (both, both)


def test_a_run_of_10_ms_for_2_images_makes_200_images_per_second_at_most() -> None:
    spent = cost(batch=2)
    for number in range(5):
        spent.update([f"map {number}", "another"], lambda: time.sleep(0.01))
    result = computed(spent)["images_per_second"]
    assert 20 < result.value <= 200
    assert result.interval[0] <= result.value <= result.interval[1]
    assert result.protocol["device"] == "cpu"
    assert (result.protocol["batch"], result.protocol["label_maps"], result.protocol["runs"]) == (2, 6, 5)


def test_a_single_batch_of_several_maps_has_no_interval() -> None:
    spent = cost(batch=2)
    spent.update(["map", "another"], lambda: None)
    result = computed(spent)["peak_memory"].to_json()
    assert result["interval"] == [None, None]
    assert result["protocol"]["interval"] == "unknown: a single batch cannot tell how others would differ"


def test_the_first_runs_are_not_timed() -> None:
    spent, waits = cost(), [0.2] * 3 + [0.0] * 2
    spent.update(["map"], asleep(waits))
    spent.update(["map"], asleep([0.0]))
    assert not waits
    assert max(spent.batches["map",].seconds) < 0.2


def test_label_maps_count_alike_however_often_each_was_run() -> None:
    """Medians of 1, 2 and 4 seconds for four images; a map that is run once more stays one map."""
    spent = cost(batch=4)
    spent.batches = {
        ("a",): BatchCost((1.0, 1.0, 1.0, 9.0), 40, 7),
        ("b",): BatchCost((2.0,), 80, 9),
        ("c",): BatchCost((4.0,), 120, 8),
    }
    results = computed(spent)
    assert (results["images_per_second"].value, results["images_per_second"].interval) == (2, (1, 4))
    assert (results["flops"].value, results["flops"].interval) == (20, (10, 30))
    assert (results["peak_memory"].value, results["peak_memory"].interval) == (9, (7, 9))


def test_a_map_that_is_run_again_is_timed_again_and_counted_once() -> None:
    spent, layer, small, large = cost(), nn.Linear(4, 5, bias=False), torch.zeros(1, 4), torch.zeros(9, 4)
    for given in (small, large):
        spent.update(["map"], lambda given=given: layer(given))
    assert len(spent.batches["map",].seconds) == 2
    assert spent.batches["map",].flops == 2 * 4 * 5


def test_a_convolution_costs_two_operations_for_each_weight_at_each_place() -> None:
    layer, image = nn.Conv2d(3, 8, 5, padding=2), torch.zeros(2, 3, 16, 16)
    assert flops(lambda: layer(image)) == 2 * 2 * 3 * 8 * 5 * 5 * 16 * 16


def test_a_run_takes_as_long_as_it_takes() -> None:
    assert seconds(lambda: time.sleep(0.02), device=CPU) >= 0.02


def test_the_peak_is_what_was_in_use_at_once() -> None:
    """In a process of its own: here, what other tests leave to the collector comes and goes meanwhile."""
    code = """
import torch
from smis.metrics.cost import peak_memory
for mebibytes in (1, 96):
    print(peak_memory(lambda: torch.zeros(mebibytes, 1 << 18).sum(), device=torch.device("cpu")))
"""
    small, large = map(int, subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert 60 << 20 < large - small < 130 << 20


def test_the_protocol_says_what_the_peak_counts() -> None:
    spent = cost()
    spent.update(["map"], lambda: None)
    assert computed(spent)["peak_memory"].protocol["counted"] == "resident set of the process"
    assert spent.batches["map",].peak_memory <= peak_memory(lambda: None, device=CPU)
