import pytest
import torch
from torch import nn

from smis.training import optimizer
from smis.training.distributed import DistributedContext
from smis.training.optimizer import OptimizerStep, lr_scale


def test_the_learning_rate_is_full_then_falls_linearly_to_the_last_step() -> None:
    shares = [lr_scale(step, steps=8, decay_from=4) for step in range(1, 9)]
    assert shares == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


def test_without_a_decay_the_learning_rate_stays() -> None:
    assert {lr_scale(step, steps=8, decay_from=None) for step in range(1, 9)} == {1.0}


def test_an_optimizer_step_is_one_step_of_adam_down_the_sum_of_the_terms() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    one_side = OptimizerStep([ours], lr=1e-2, betas=(0.5, 0.9), distributed=DistributedContext())
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-2, betas=(0.5, 0.9))
    x = torch.randn(4, 3)
    for _ in range(3):
        terms = one_side.step([lambda: {"a": ours(x).square().mean(), "b": ours(x).abs().mean()}])
        adam.zero_grad()
        (theirs(x).square().mean() + theirs(x).abs().mean()).backward()
        adam.step()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))
    assert not terms["a"].requires_grad  # pyright: ignore[reportPossiblyUnboundVariable]


def test_a_parameter_that_no_term_reaches_keeps_its_value() -> None:
    used, unused = nn.Linear(1, 1), nn.Linear(1, 1)
    before = unused.weight.detach().clone()
    one_side = OptimizerStep([used, unused], lr=1e-2, betas=(0.0, 0.9), distributed=DistributedContext())
    one_side.step([lambda: {"a": used(torch.ones(1, 1)).sum()}])
    assert unused.weight.equal(before)


def test_frozen_parameters_are_left_alone() -> None:
    network = nn.Linear(2, 2).requires_grad_(False)
    network.bias.requires_grad_(True)
    one_side = OptimizerStep([network], lr=1e-2, betas=(0.0, 0.9), distributed=DistributedContext())
    one_side.step([lambda: {"a": network(torch.ones(1, 2)).sum()}])
    assert one_side.gradient_norm() == pytest.approx(2**0.5)


def test_buckets_hold_every_parameter_once_and_the_last_come_first() -> None:
    parameters = [nn.Parameter(torch.zeros(size)) for size in (3_000_000, 10, 5_000_000, 20, 9_000_000)]
    buckets = optimizer._buckets(parameters, 4)
    assert [index for bucket in reversed(buckets) for index in range(*bucket)] == [0, 1, 2, 3, 4]
    sizes = [4 * sum(parameters[index].numel() for index in range(*bucket)) for bucket in buckets]
    assert all(size >= optimizer._BUCKET_BYTES for size in sizes[:-1])
    assert buckets[0] == (4, 5)


def test_a_small_network_is_one_bucket() -> None:
    assert optimizer._buckets([nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2))], 4) == [(0, 2)]
