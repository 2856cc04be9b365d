import pytest
import torch
from torch import nn

from smis.training.ema import ExponentialMovingAverage


def _moved(network: nn.Module, to: float) -> None:
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.fill_(to)


def test_the_average_is_exponential_and_follows_faster_at_first() -> None:
    network = nn.Linear(1, 1)
    _moved(network, 0.0)
    average = ExponentialMovingAverage({"generator": network}, decay=0.5)
    _moved(network, 1.0)
    average.update(1)
    early = 1 - 2 / 11
    assert average.tensors["generator.weight"].item() == pytest.approx(early)
    average.update(1000)
    assert average.tensors["generator.weight"].item() == pytest.approx(early * 0.5 + 0.5)


def test_buffers_are_copied_not_averaged() -> None:
    network = nn.BatchNorm2d(2)
    average = ExponentialMovingAverage({"generator": network}, decay=0.9)
    network.running_mean = torch.ones(2)
    _moved(network, 3.0)
    average = ExponentialMovingAverage({"generator": network}, decay=0.9)
    _moved(network, 7.0)
    average.update(1)
    assert average.tensors["generator.running_mean"].tolist() == [7.0, 7.0]
    assert average.tensors["generator.num_batches_tracked"].item() == 7


def test_networks_wear_the_average_and_get_their_own_back_even_after_an_error() -> None:
    network = nn.Linear(1, 1).train()
    _moved(network, 0.0)
    average = ExponentialMovingAverage({"generator": network}, decay=0.0)
    _moved(network, 1.0)

    def failing() -> None:
        with average.applied():
            assert network.weight.item() == 0.0
            assert not network.training
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert network.weight.item() == 1.0
    assert average.tensors["generator.weight"].item() == 0.0
    assert network.training


def test_buffers_are_averaged_where_a_system_asks_for_it_and_counters_rounded_down() -> None:
    network = nn.BatchNorm2d(2)
    _moved(network, 3.0)
    average = ExponentialMovingAverage({"generator": network}, decay=0.5, average_buffers=True)
    _moved(network, 8.0)
    average.update(1000)
    assert average.tensors["generator.running_mean"].tolist() == [5.5, 5.5]
    assert average.tensors["generator.num_batches_tracked"].item() == 5


def test_statistics_that_are_collected_are_the_averages_own_and_leave_the_networks() -> None:
    network = nn.BatchNorm2d(1, momentum=1.0).train()
    average = ExponentialMovingAverage({"generator": network}, decay=0.5, average_buffers=True)
    with average.applied():
        average.collect_statistics([lambda: network(torch.full((2, 1, 2, 2), 7.0))])
        assert not network.training
        assert network.state_dict()["running_mean"].tolist() == [7.0]
    assert network.training
    assert network.state_dict()["running_mean"].tolist() == [0.0]
    assert average.tensors["generator.running_mean"].tolist() == [7.0]
