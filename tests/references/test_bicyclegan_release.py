"""BicycleGAN against its authors' released code, at width 4 on 8 classes: same weights in, same numbers out."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from smis.core.batch import Batch
from smis.models.bicyclegan import BicycleGAN, Config
from tests.references.released import (
    Released,
    add,
    check_gradients,
    check_state,
    check_terms,
    close,
    fill,
    read,
    scalars,
    tape,
)


@pytest.fixture(scope="module")
def released() -> Released:
    return read("bicyclegan")


@pytest.fixture(scope="module")
def filled(released) -> BicycleGAN:
    config = Config.model_validate(
        {"preset": "facades", "width": 4, "encoder_width": 8, "discriminator": {"width": 8}, "dropout": False}
    )
    system = config.build(classes=8, height=256, width=256, training=True)
    networks = {"G": system.generator, "E": system.encoder} | dict(system.discriminator.items())
    for letter, network in networks.items():
        fill(network, released, f"bicycle.{letter}")
    return system


@pytest.fixture
def system(filled) -> BicycleGAN:
    return deepcopy(filled)


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels = released["labels"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


def test_encoder_and_generator_give_the_released_outputs(system, released, batch):
    image, labels = batch.image[:1], batch.labels[:1]
    with torch.no_grad():
        for ours, name in zip(system.encoder(image), ("mu", "logvar"), strict=True):
            close(ours, released[f"forward/{name}"])
        near = system.encode(image, labels, labels, tape(released, "train", count=1))
        drawn = system.sample(labels, labels, tape(released, "train", first=1, count=1))
        for style, name in ((near, "encoded"), (drawn, "random")):
            picture = system.synthesize(labels, labels, style)
            close(picture[:, :, ::2, ::2], released[f"forward/fake_B_{name}"])
        close(near.global_latent, released["forward/z_encoded"])
        close(system.encoder(picture)[0], released["forward/mu2"])


def in_doubles(system: BicycleGAN, released: Released, batch: Batch) -> BicycleGAN:
    """Return a copy in double precision with the gradients of the generator's step."""
    exact = deepcopy(system).double()
    torch.set_default_dtype(torch.float64)
    try:
        terms = exact.generator_terms(replace(batch, image=batch.image.double()), tape(released, "train"))
    finally:
        torch.set_default_dtype(torch.float32)
    add(terms).backward()
    return exact


def test_one_step_of_all_four_networks_ends_in_the_released_state(system, released, batch):
    """The release shows its discriminators the pictures of the generator's step, so both are asked before either.

    Its innermost maps are so small that normalization blows round-off up: the generator's gradients in single precision
    are up to 4e-2 of their norm off those in double, ours and the release's.
    """
    doubles = in_doubles(system, released, batch)
    drawing = [*system.generator.parameters(), *system.encoder.parameters()]
    terms = system.generator_terms(batch, tape(released, "train"))
    check_terms(terms, scalars(released, "train/G_losses/"))
    add(terms).backward(inputs=drawing)
    check_gradients(system.generator, released, "train/G_grad_stats/G", doubles=doubles.generator)
    check_gradients(system.encoder, released, "train/G_grad_stats/E", doubles=doubles.encoder)

    terms = system.discriminator_terms(batch, tape(released, "train"))
    sums = {name: terms[f"{name}_Fake"] + terms[f"{name}_Real"] for name in ("D", "D2")}
    check_terms(sums, scalars(released, "train/D_losses/"))
    add(terms).backward()
    check_gradients(system.discriminator, released, "train/D_grad_stats")

    betas = tuple(released["train/betas"].tolist())
    torch.optim.Adam(system.parameters(), lr=released["train/lr_G"].item(), betas=betas).step()
    check_state(system, released, "both")
