"""SPADE against its authors' released code, at width 8 on 12 classes and "don't care": same weights in, same numbers
out.
"""

from copy import deepcopy

import pytest
import torch

from smis.core.batch import Batch
from smis.models.spade import Config, Spade
from smis.nn.perceptual import perceptual_network
from tests.references.released import (
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
    return read("spade_ade20k")


@pytest.fixture(scope="module")
def filled(released) -> Spade:
    config = Config.model_validate({"preset": "ade20k", "width": 8, "discriminator": {"width": 8}})
    system = config.build(classes=13, height=64, width=64, training=False)
    fill(system.generator, released, "G")
    fill(system.discriminator, released, "D")
    system.perceptual = perceptual_network("vgg19", made_up_vgg(), weights=config.perceptual.slices)
    return system


@pytest.fixture
def system(filled) -> Spade:
    return deepcopy(filled)


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels = released["labels"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


def test_every_network_gives_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        style = system.sample(batch.labels, batch.instances, tape(released, "eval", count=0))
        fake = system.synthesize(batch.labels, batch.instances, style)
        close(fake, released["eval/fake"])
        known = system.label_channels(batch.labels, batch.instances)
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            check_verdicts(system.discriminator(torch.cat([known, image], dim=1)), released, f"eval/{name}")


def test_in_evaluation_every_term_and_gradient_is_the_released_one(system, released, batch):
    check_evaluation(system, batch, released, draws=0)


def test_one_training_step_of_each_side_ends_in_the_released_state(system, released, batch):
    check_training_step(system, batch, released, draws=0)
