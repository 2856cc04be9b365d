"""DSCGAN's reward for diversity against its authors' released code, on the generator of BicycleGAN's fixture."""

import pytest
import torch

from smis.core.batch import Batch
from smis.core.style import Style
from smis.losses.latent_losses import diversity_loss
from smis.models.dscgan import DSCGAN, Config
from tests.references.released import Released, Tape, close, fill, read


@pytest.fixture(scope="module")
def released() -> Released:
    return read("dscgan")


@pytest.fixture(scope="module")
def system(released) -> DSCGAN:
    config = Config.model_validate({"preset": "facades", "width": 4, "discriminator": {"width": 8}, "dropout": False})
    system = config.build(classes=8, height=256, width=256, training=True)
    fill(system.generator, released, "bicycle.G")
    return system


@pytest.fixture(scope="module")
def batch() -> Batch:
    shared = read("bicyclegan")
    labels = shared["labels"].long()
    return Batch(shared["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


def test_pictures_and_their_diversity_are_the_released_ones(system, released, batch):
    codes = released["z1"], released["z2"]
    with torch.no_grad():
        first, second = (system.synthesize(batch.labels, batch.instances, Style(global_latent=code)) for code in codes)
    close(first[:, :, ::4, ::4], released["gen1_stride4"])
    close(second[:, :, ::4, ::4], released["gen2_stride4"])
    close((first - second).abs().mean(dim=(1, 2, 3)), released["img_l1"])
    close((codes[0] - codes[1]).abs().mean(dim=1), released["z_l1"])
    value = diversity_loss(first, second, latent=codes[0], other_latent=codes[1])
    assert value.item() == pytest.approx(released["errNE"].item(), rel=1e-5)


def test_the_term_is_eight_times_the_released_one(system, released, batch):
    terms = system.generator_terms(batch, Tape([released["z1"], released["z2"]]))
    assert terms["NE"].item() == pytest.approx(8 * released["errNE"].item(), rel=1e-5)
