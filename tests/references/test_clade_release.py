"""CLADE against its authors' released code, at width 8 on 12 classes and "don't care": same weights in, same numbers
out.
"""

from copy import deepcopy
from functools import partial

import pytest
import torch

from smis.core.batch import Batch
from smis.models.clade import Clade, Config
from smis.nn.perceptual import perceptual_network
from smis.nn.positional_maps import positional_maps, transform_positions
from tests.references.released import (
    Released,
    check_evaluation,
    check_training_step,
    close,
    fill,
    made_up_for,
    made_up_vgg,
    read,
    tape,
)


@pytest.fixture(scope="module")
def released() -> Released:
    return read("clade_ade20k")


@pytest.fixture(scope="module")
def filled(released) -> Clade:
    config = Config.model_validate({"preset": "ade20k", "width": 8, "discriminator": {"width": 8}})
    system = config.build(classes=13, height=64, width=64, training=False)
    assert isinstance(system, Clade)
    for letter, network in (("G", system.generator), ("D", system.discriminator)):
        fill(network, released, letter, partial(made_up_for, "clade_ade20k"))
    system.perceptual = perceptual_network("vgg19", made_up_vgg(), weights=config.perceptual.slices)
    return system


@pytest.fixture
def system(filled) -> Clade:
    return deepcopy(filled)


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels = released["labels"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


def test_the_networks_read_the_released_channels(system, released, batch):
    channels = system.label_channels(batch.labels, batch.instances)
    assert torch.equal(channels.sum(dim=(2, 3)), released["eval/semantics_channel_sums"])


def test_every_network_gives_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        style = system.sample(batch.labels, batch.instances, tape(released, "eval", count=0))
        fake = system.synthesize(batch.labels, batch.instances, style)
        close(fake, released["eval/fake"])
        norm, total, first = released["fp64/fake64_stat"].tolist()
        assert fake.norm().item() == pytest.approx(norm, rel=1e-6)
        assert fake.sum().item() == pytest.approx(total, rel=1e-5)
        assert fake.flatten()[0].item() == pytest.approx(first, abs=1e-6)
        known = system.label_channels(batch.labels, batch.instances)
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            for scale, layers in enumerate(system.discriminator(torch.cat([known, image], dim=1))):
                for layer, output in enumerate(layers):
                    close(output, released[f"eval/{name}/{scale}/{layer}"])


def test_in_evaluation_every_term_and_gradient_is_the_released_one(system, released, batch):
    check_evaluation(system, batch, released, draws=0)


def test_in_training_the_image_is_the_released_one(system, released, batch):
    system.train()
    with torch.no_grad():
        style = system.sample(batch.labels, batch.instances, None)
        close(system.synthesize(batch.labels, batch.instances, style), released["train/fake"])


def test_one_training_step_of_each_side_ends_in_the_released_state(system, released, batch):
    check_training_step(system, batch, released, draws=0)


@pytest.mark.parametrize("case", ["0", "1"])
@pytest.mark.parametrize(("name", "normalize"), [("norm", True), ("raw_pixels", False)])
def test_positional_maps_are_the_released_ones(released, case, name, normalize):
    labels = released[f"icpe/{case}/label"].long().unsqueeze(0)
    maps = positional_maps(labels, normalize=normalize)
    torch.testing.assert_close(maps[0], released[f"icpe/{case}/{name}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", ["0", "1"])
@pytest.mark.parametrize("flip", [False, True])
def test_positional_maps_are_resized_cropped_and_turned_upside_down_as_in_the_release(released, case, flip):
    load, side = (int(released[f"icpe/{case}/{name}"]) for name in ("load_size", "crop_size"))
    left, top = released[f"icpe/{case}/crop_pos"].tolist()
    maps = released[f"icpe/{case}/norm"].unsqueeze(0)
    cut = transform_positions(
        maps, load=(load, load), crop=(side, side), corner=(top, left), flip=flip, upside_down=True
    )
    assert torch.equal(cut[0], released[f"icpe/{case}/flip_{str(flip).lower()}"])
