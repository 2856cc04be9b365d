from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from smis.core.batch import Batch
from smis.core.errors import ParamsError
from smis.metrics.unet import UnetConfig, class_weights, predict, train

SMALL = UnetConfig.model_validate({"depth": 3, "width": 16, "steps": 20, "batch": 8})
CPU = torch.device("cpu")


def discs(seed: int = 0) -> Iterator[Batch]:
    """Bright discs on dark ground."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.arange(32.0)
    while True:
        center = torch.rand(8, 2, 1, generator=generator) * 16 + 8
        away = (places - center[:, 0])[:, :, None].square() + (places - center[:, 1])[:, None, :].square()
        labels = (away < 50).long()
        image = labels[:, None] - 0.5 + 0.1 * torch.randn(8, 3, 32, 32, generator=generator)
        yield Batch(image, labels, labels, tuple("abcdefgh"))


def trained(config: UnetConfig = SMALL) -> torch.nn.Module:
    network = config.build(classes=2, height=32, width=32, seed=0)
    train(network, discs(), config, device=CPU, weights=torch.ones(2))
    return network


def test_it_finds_bright_discs() -> None:
    batch = next(discs(seed=1))
    assert (predict(trained(), batch.image) == batch.labels).float().mean() > 0.95


def test_the_same_seed_gives_the_same_network() -> None:
    few = SMALL.model_copy(update={"steps": 3})
    first, second = trained(few).state_dict(), trained(few).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_building_leaves_the_generator_of_others_alone() -> None:
    torch.manual_seed(5)
    SMALL.build(classes=2, height=32, width=32, seed=0)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))


def test_a_rare_class_weighs_more_and_what_nobody_labeled_nothing() -> None:
    weights = class_weights(np.array([900, 100, 0, 5000]), ignore=[3])
    assert weights[1] / weights[0] == pytest.approx(3)
    assert weights[2:].tolist() == [0, 0]


@pytest.mark.parametrize("weights", [[0.0, 1.0], [0.0, 0.0]])
def test_pixels_without_weight_teach_nothing(weights: list[float]) -> None:
    batch, one = next(discs()), SMALL.model_copy(update={"steps": 1})
    network, losses = SMALL.build(classes=2, height=32, width=32, seed=0), []
    scores = SMALL.build(classes=2, height=32, width=32, seed=0).train()(batch.image)
    train(network, iter([batch]), one, device=CPU, weights=torch.tensor(weights), on_step=losses.append)
    expected = nn.functional.cross_entropy(scores, batch.labels, ignore_index=0) if any(weights) else torch.tensor(0.0)
    assert losses == [pytest.approx(expected.item(), rel=1e-4)]
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_images_that_cannot_be_halved_so_often_are_refused() -> None:
    with pytest.raises(
        ParamsError, match="depth: 3 asks for sizes that are multiples of 8, but the images are 36 x 32"
    ):
        SMALL.build(classes=2, height=36, width=32, seed=0)
