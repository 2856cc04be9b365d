"""BicycleGAN's sizes, halves and dropout; `tests/references/test_bicyclegan_release.py` has its numbers."""

from dataclasses import replace

import pytest
import torch

from smis.core.batch import Batch
from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.models.bicyclegan import BicycleGAN, Config

SIDE = 64
SMALL = {"preset": "paperdoll", "width": 2, "encoder_width": 2, "discriminator": {"width": 4}}


def noise(*, share: int = 0, shares: int = 1) -> Noise:
    return Noise(generator(0), share=share, shares=shares)


@pytest.fixture
def system() -> BicycleGAN:
    torch.manual_seed(0)
    return Config.model_validate(SMALL).build(classes=4, height=SIDE, width=SIDE, training=True)


@pytest.fixture(scope="module")
def batch() -> Batch:
    image = torch.rand(4, 3, SIDE, SIDE, generator=generator(1)) * 2 - 1
    labels = torch.randint(4, (4, SIDE, SIDE), generator=generator(2))
    return Batch(image, labels, torch.zeros_like(labels), tuple("abcd"))


@pytest.mark.parametrize("preset", ["facades", "deepfashion", "cityscapes", "ade20k"])
def test_every_preset_has_the_published_number_of_parameters_on_eight_classes(preset):
    with torch.device("meta"):
        system = Config.model_validate({"preset": preset}).build(classes=8, height=256, width=512, training=False)
    networks = (system.generator, system.required_encoder(), *system.discriminator.values())
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [54_799_747, 2_590_032, 3_458_978, 3_458_978]


def test_finding_a_drawn_code_again_teaches_the_generator_alone(system, batch):
    system.generator_terms(batch, noise())["z_L1"].backward()
    # both kinds of pictures are made in one pass, so the way to the encoder exists; nothing comes along it
    assert [name for name, p in system.encoder.named_parameters() if p.grad is not None and p.grad.any()] == []
    assert all(p.grad is not None and p.grad.any() for p in system.generator.parameters() if p.dim() > 1)


def test_every_second_picture_only_shows_the_second_discriminator_real_images(system, batch):
    image, labels = batch.image.clone(), batch.labels.clone()
    image[1::2], labels[1::2] = 0, 0
    with torch.no_grad():
        before, after = (system.discriminator_terms(b, noise()) for b in (batch, replace(batch, image=image)))
        drawing = system.generator_terms(batch, noise())
        same = system.generator_terms(replace(batch, image=image, labels=labels), noise())
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"D2_Real"}
    assert all(torch.equal(drawing[name], same[name]) for name in drawing)


def test_training_drops_and_evaluation_does_not(system, batch):
    code = torch.zeros(4, 8)
    known = torch.nn.functional.one_hot(batch.labels, 4).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        plain, dropped = (system.generator(known, code, n) for n in (None, noise()))
        in_training = system.generator_terms(batch, noise())["L1"]
        in_evaluation = system.eval().generator_terms(batch, noise())["L1"]
        system.train().dropout = False
        without = system.generator_terms(batch, noise())["L1"]
    assert not torch.equal(plain, dropped)
    assert not torch.equal(in_training, in_evaluation)
    assert torch.equal(in_evaluation, without)


def test_torchs_own_generator_is_not_asked_what_to_drop(system, batch):
    terms = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        terms.append(system.generator_terms(batch, noise()))
    assert all(torch.equal(terms[0][name], terms[1][name]) for name in terms[0])


@pytest.mark.parametrize("terms_of", ["generator_terms", "discriminator_terms"])
def test_with_dropout_the_terms_of_a_batchs_parts_average_to_those_of_the_whole(system, batch, terms_of):
    with torch.no_grad():
        whole = getattr(system, terms_of)(batch, noise())
        parts = [
            getattr(system, terms_of)(share(batch, slice(2 * part, 2 * part + 2)), noise(share=part, shares=2))
            for part in (0, 1)
        ]
    for name, term in whole.items():
        torch.testing.assert_close((parts[0][name] + parts[1][name]) / 2, term, msg=lambda m, n=name: f"{n}: {m}")


def share(batch: Batch, chosen: slice) -> Batch:
    maps = {name: getattr(batch, name)[chosen] for name in ("image", "labels", "instances", "keys")}
    return replace(batch, shares=2, **maps)


def test_an_odd_batch_is_refused(system, batch):
    with pytest.raises(
        ParamsError, match=r"share of the batch is 3, but BicycleGAN needs an even number.*train\.batch"
    ):
        system.generator_terms(share(batch, slice(3)), noise())


@pytest.mark.parametrize(
    ("section", "side", "message"),
    [
        ({}, 96, r"96 x 96 cannot be halved 6 times: both sides must be multiples of 64.*the system's `levels`"),
        ({"levels": 4}, 16, r"16 x 16 is too small for an encoder of 4 blocks: both sides must be at least 32"),
        (
            {"levels": 5, "discriminator": {"layers": 4}},
            32,
            r"32 x 32 is too small for discriminators of 4 layers at 2",
        ),
    ],
)
def test_a_size_that_does_not_fit_is_refused(section, side, message):
    config = Config.model_validate(SMALL | section)
    with pytest.raises(ParamsError, match=message):
        config.build(classes=4, height=side, width=side, training=False)
