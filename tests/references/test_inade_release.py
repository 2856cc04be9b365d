"""INADE against the authors' released code at width 8: same weights and draws in, same numbers out.

`inade_deepfashion_vae.safetensors` holds inputs, draws and outputs of that code on one CPU process, and the weights
that no rule makes up again. Its VGG-19 was filled with made-up weights, which are made up again here.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from smis.core.batch import Batch
from smis.core.style import Style
from smis.models.inade import Config, Inade, borrow
from smis.nn.label_maps import instance_edges
from smis.nn.perceptual import perceptual_network
from tests.references.released import (
    SECTIONS,
    Released,
    add,
    check_evaluation,
    check_training_step,
    close,
    fill,
    made_up_vgg,
    read,
    tape,
)

SLOTS = 14


@pytest.fixture(scope="module")
def released() -> Released:
    return read("inade_deepfashion_vae")


@pytest.fixture
def system(released) -> Inade:
    config = Config.model_validate(
        {"preset": "deepfashion", "width": 8, "encoder_width": 8, "discriminator": {"width": 8}, "slots": SLOTS}
    )
    system = config.build(classes=8, height=64, width=64, training=False)
    for letter, name in SECTIONS.items():
        fill(system.get_submodule(name), released, letter)
    system.perceptual = perceptual_network("vgg19", made_up_vgg(), weights=config.perceptual.slices)
    return system


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    image = released["image"].float() / 127.5 - 1
    return Batch(image, released["labels"].long(), released["instances"].long(), ("a", "b"))


@pytest.fixture
def precise(system, batch) -> Iterator[tuple[Inade, Batch]]:
    """Give system and batch in double precision, where gradients do not hang on the number of threads.

    A gradient jumps where two maxima of a pool, or a value and zero, lie within round-off. In the released training
    step they do: off the double-precision gradients (largest of norm, sum and first element, in units of the norm) the
    release and one thread of ours in single precision are 8e-6 and 3e-5, and two threads, which sum in another order
    and come out on the other side of a pool of the VGG-19, 3e-3.
    """
    torch.set_default_dtype(torch.float64)
    yield system.double(), replace(batch, image=batch.image.double())
    torch.set_default_dtype(torch.float32)


def test_the_encoder_gives_the_released_distributions(system, released, batch):
    mean, log_variance = system.encoder.eval()(batch.image, batch.instances, slots=SLOTS)
    for t, letter in enumerate("sb"):
        close(mean[:, :, t], released[f"eval/{letter}_mu"])
        close(log_variance[:, :, t], released[f"eval/{letter}_logvar"])


def test_edges_are_the_released_ones(released, batch):
    assert torch.equal(instance_edges(batch.instances), released["eval/edge_map"].float())


def test_generator_and_discriminator_give_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        style = system.encode(batch.image, batch.labels, batch.instances, tape(released, "eval"))
        fake = system.synthesize(batch.labels, batch.instances, style)
        close(fake, released["eval/fake"])
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            outputs = system.discriminator(
                torch.cat([system.label_channels(batch.labels, batch.instances), image], dim=1)
            )
            for scale in (0, 1):
                for layer in (1, 2, 3, 4):
                    close(outputs[scale][layer], released[f"eval/{name}/{scale}/{layer}"])


def test_in_evaluation_every_term_and_gradient_is_the_released_one(precise, released):
    system, batch = precise
    check_evaluation(system, batch, released, draws=2, within=1e-5)


def test_one_training_step_of_each_side_ends_in_the_released_state(precise, released):
    system, batch = precise
    check_training_step(system, batch, released, draws=2, within=1e-5, after=1e-5)


@pytest.fixture
def without_encoder(precise, released) -> Released:
    """Give the release's values with the codes of its encoder in place of its draws of them, and without KLD.

    Without `--use_vae` the release generates from its draws as they are, in the same order, and leaves KLD out; all
    else is the same function of the same numbers. KLD has no gradient in generator and discriminator.
    """
    system, batch = deepcopy(precise[0]).train(), precise[1]
    given = {key: value for key, value in released.items() if not key.endswith("/KLD")}

    def encode(draw: str) -> None:
        mean, log_variance = system.encoder(batch.image, batch.instances, slots=SLOTS)
        codes = released[draw].double().view_as(mean) * torch.exp(0.5 * log_variance) + mean
        given[draw] = codes.detach()

    encode("eval/rng_draws/1")
    encode("train/rng_draws/1")
    descent = torch.optim.Adam(system.encoder.parameters(), lr=1e-4, betas=(0.0, 0.9))
    add(system.generator_terms(batch, tape(released, "train"))).backward()
    descent.step()
    encode("train/rng_draws/3")  # the discriminator's step comes after the encoder's
    return given


def test_without_the_encoder_every_term_and_gradient_is_the_released_one(precise, without_encoder):
    system, batch = precise
    system.encoder = None
    check_evaluation(system, batch, without_encoder, draws=2, within=1e-5)


def test_without_the_encoder_a_training_step_ends_in_the_released_state(precise, without_encoder):
    system, batch = precise
    system.encoder = None
    check_training_step(system, batch, without_encoder, draws=2, within=1e-5, after=1e-5)


@pytest.mark.parametrize("which", ["prior", "ref"])
def test_an_instance_follows_an_exemplar_as_in_the_released_demo(system, released, batch, which):
    system.eval()
    style = Style(released["demo/noise_ins"], instances=released["demo/noise"])
    source, target = (int(released[f"demo/{name}"]) for name in ("ref_index", "target_index"))
    with torch.no_grad():
        if which == "ref":
            exemplar = system.encoder(batch.image[[source]], batch.instances[[source]], slots=SLOTS)
            ids = {"target": int(released["demo/inst_id"]), "source": int(released["demo/ref_inst_id"])}
            style = borrow(style, exemplar, **ids, released=True)
        fake = system.synthesize(batch.labels[[target]], batch.instances[[target]], style)
    close(fake, released[f"demo/fake_{which}"])
