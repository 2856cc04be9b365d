"""VSPADE against the code that the authors of GroupDNet trained it with, at width 8: same weights and draws in, same
numbers out.
"""

from copy import deepcopy

import pytest
import torch

from smis.core.batch import Batch
from smis.models.vspade import Config, Vspade
from smis.nn.perceptual import perceptual_network
from tests.references.released import (
    SECTIONS,
    Released,
    check_evaluation,
    check_training_step,
    check_verdicts,
    close,
    fill,
    made_up_vgg,
    read,
    tape,
)


@pytest.fixture(scope="module")
def released() -> Released:
    return read("vspade_smis_deepfashion")


@pytest.fixture(scope="module")
def filled(released) -> Vspade:
    config = Config.model_validate(
        {"preset": "deepfashion", "width": 8, "encoder_width": 8, "discriminator": {"width": 8}}
    )
    system = config.build(classes=8, height=256, width=256, training=False)
    for letter, name in SECTIONS.items():
        fill(system.get_submodule(name), released, letter)
    system.perceptual = perceptual_network("vgg19", made_up_vgg(), weights=config.perceptual.slices)
    return system


@pytest.fixture
def system(filled) -> Vspade:
    return deepcopy(filled)


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels = released["labels"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


def test_every_network_gives_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        mean, log_variance = system.encoder(batch.image)
        close(mean, released["eval/mu"])
        close(log_variance, released["eval/logvar"])
        style = system.encode(batch.image, batch.labels, batch.instances, tape(released, "eval", count=1))
        fake = system.synthesize(batch.labels, batch.instances, style)
        close(fake[:, :, ::4, ::4], released["eval/fake"])
        known = system.label_channels(batch.labels, batch.instances)
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            check_verdicts(system.discriminator(torch.cat([known, image], dim=1)), released, f"eval/{name}")


def test_in_evaluation_every_term_and_gradient_is_the_released_one(system, released, batch):
    check_evaluation(system, batch, released)


def test_one_training_step_of_each_side_ends_in_the_released_state(system, released, batch):
    check_training_step(system, batch, released)
