import time

import pytest
import torch
from torch import Tensor, nn

from smis.bench.step_timeline import OTHER, Timeline

CPU = torch.device("cpu")


class Slow(nn.Module):
    """Takes 20 ms forward and 40 ms backward."""

    def forward(self, x: Tensor) -> list[Tensor]:
        time.sleep(0.02)
        return [Backward.apply(x)]


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return x * 2

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        time.sleep(0.04)
        return grad * 2


def test_a_network_is_charged_with_its_forward_and_its_backward() -> None:
    timeline, slow = Timeline(CPU), Slow()
    timeline.follow({"slow": slow, "none": None, "many": nn.ModuleDict({"a": nn.Identity()})})
    x = torch.ones(3, requires_grad=True)
    timeline.mark(OTHER)
    (made,) = slow(x)
    loss = made.sum()
    loss.backward()
    timeline.mark("optimizer")
    time.sleep(0.01)
    timeline.mark(OTHER)
    seconds = timeline.seconds()
    assert set(seconds) == {OTHER, "slow", "optimizer"}
    assert seconds["slow"] == pytest.approx(0.06, abs=0.02)
    assert seconds["optimizer"] == pytest.approx(0.01, abs=0.008)


def test_what_was_asked_for_is_forgotten() -> None:
    timeline = Timeline(CPU)
    for name in ("a", "b", "c"):
        timeline.mark(name)
    assert set(timeline.seconds()) == {"a", "b"}
    timeline.mark("d")
    assert set(timeline.seconds()) == {"c"}
