"""pix2pixHD against NVIDIA's released code, at width 4 on 8 classes: same weights in, same numbers out.

The release's edges are made up, so they are handed to the system as they are.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from smis.core.batch import Batch
from smis.core.seeding import Noise, generator
from smis.models.pix2pixhd import Config, Pix2PixHD
from smis.nn.label_maps import one_hot
from smis.nn.perceptual import perceptual_network
from smis.nn.pix2pixhd_generator import FeatureEncoder, features_at_pixels
from tests.references.released import Released, add, check_gradients, check_terms, close, fill, made_up_vgg, read

SMALL = {"preset": "cityscapes", "width": 4, "discriminator": {"width": 8}}


@pytest.fixture(scope="module")
def released() -> Released:
    return read("pix2pixhd")


@pytest.fixture(scope="module")
def known(released) -> Tensor:
    return torch.cat([one_hot(released["labels"].long(), 8), released["edges"].float()], dim=1)


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels = released["labels"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


@pytest.fixture
def system(released, known, monkeypatch) -> Pix2PixHD:
    system = build(released, {}, generator="G")
    fill(system.discriminator, released, "hd.D")
    # the fixture has no perceptual term; one slice of a network is enough to leave it out
    system.perceptual = perceptual_network("vgg19", made_up_vgg(), weights=(1.0,))
    monkeypatch.setattr(system, "label_channels", lambda labels, instances: known)
    return system


def build(released: Released, section: dict[str, Any], *, generator: str) -> Pix2PixHD:
    config = Config.model_validate(SMALL | section)
    system = config.build(classes=8, height=128, width=128, training=False)
    fill(system.generator, released, f"hd.{generator}")
    return system


def noise() -> Noise:
    return Noise(generator(0))


def test_the_global_generator_gives_the_released_image(system, released, batch):
    with torch.no_grad():
        style = system.sample(batch.labels, batch.instances, noise())
        image = system.synthesize(batch.labels, batch.instances, style)
    close(image[:, :, ::2, ::2], released["fake"])


def test_the_local_enhancer_gives_the_released_image(released, known):
    section = {"generator": "enhanced", "downsamplings": 3, "blocks": 2}
    with torch.no_grad():
        image = build(released, section, generator="L").generator(known)
    close(image[:, :, ::2, ::2], released["local_fake"])


def test_the_encoder_gives_the_released_features_of_each_instance(released, batch):
    encoder = FeatureEncoder(3, width=4, downsamplings=3)
    fill(encoder, released, "hd.E")
    instances = released["instances"].long()
    with torch.no_grad():
        features = encoder(batch.image, instances, slots=14)
        laid = features_at_pixels(features, instances)
    close(features[0], released["features"])
    assert torch.equal(laid[1, :, 5, 7], features[1, instances[1, 5, 7]])


def test_the_discriminator_gives_the_released_outputs(system, released, known, batch):
    with torch.no_grad():
        outputs = system.discriminator(torch.cat([known, batch.image], dim=1))
    for scale, layers in enumerate(outputs):
        for layer, (output, stride) in enumerate(zip(layers, (4, 2, 1, 1, 1), strict=True)):
            close(output[:1, :, ::stride, ::stride], released[f"D_real/{scale}/{layer}"])


def test_the_generators_terms_and_gradients_are_the_released_ones(system, released, batch):
    terms = system.generator_terms(batch, noise())
    del terms["VGG"]
    theirs = {name: released[f"losses/G_{name}"].item() for name in ("GAN", "GAN_Feat")}
    check_terms(terms, theirs)
    add(terms).backward(inputs=list(system.generator.parameters()))
    check_gradients(system.generator, released, "G_grad_stats")


def test_the_discriminators_terms_are_half_the_released_ones_before_they_are_summed(system, released, batch):
    halves = {f"D_{name.title()}": released[f"losses/D_{name}"].item() / 2 for name in ("fake", "real")}
    check_terms(system.discriminator_terms(batch, noise()), halves)
