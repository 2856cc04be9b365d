import pytest
import torch
from torch import nn

from smis.training.descent import Descent, rate_share
from smis.training.distributed import Processes


def test_the_rate_is_full_then_falls_linearly_to_the_last_step() -> None:
    shares = [rate_share(step, steps=8, decay_from=4) for step in range(1, 9)]
    assert shares == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


def test_without_a_decay_the_rate_stays() -> None:
    assert {rate_share(step, steps=8, decay_from=None) for step in range(1, 9)} == {1.0}


def test_a_descent_is_one_step_of_adam_down_the_sum_of_the_terms() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    descent = Descent([ours], rate=1e-2, betas=(0.5, 0.9), processes=Processes())
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-2, betas=(0.5, 0.9))
    x = torch.randn(4, 3)
    for _ in range(3):
        terms = descent.descend([lambda: {"a": ours(x).square().mean(), "b": ours(x).abs().mean()}])
        adam.zero_grad()
        (theirs(x).square().mean() + theirs(x).abs().mean()).backward()
        adam.step()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))
    assert not terms["a"].requires_grad  # pyright: ignore[reportPossiblyUnboundVariable]


def test_a_parameter_that_no_term_reaches_keeps_its_value() -> None:
    used, unused = nn.Linear(1, 1), nn.Linear(1, 1)
    before = unused.weight.detach().clone()
    descent = Descent([used, unused], rate=1e-2, betas=(0.0, 0.9), processes=Processes())
    descent.descend([lambda: {"a": used(torch.ones(1, 1)).sum()}])
    assert unused.weight.equal(before)


def test_frozen_parameters_are_left_alone() -> None:
    network = nn.Linear(2, 2).requires_grad_(False)
    network.bias.requires_grad_(True)
    descent = Descent([network], rate=1e-2, betas=(0.0, 0.9), processes=Processes())
    descent.descend([lambda: {"a": network(torch.ones(1, 2)).sum()}])
    assert descent.gradient_norm() == pytest.approx(2**0.5)
