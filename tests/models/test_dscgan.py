"""DSCGAN's sizes and its reward for diversity; `tests/references/test_dscgan_release.py` has its numbers."""

from typing import Any

import pytest
import torch

from smis.core.batch import Batch
from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.core.style import Style
from smis.losses.latent_losses import diversity_loss
from smis.models.dscgan import DSCGAN, Config

SIDE = 64
SMALL: dict[str, Any] = {"preset": "paperdoll", "width": 2, "discriminator": {"width": 4}}
GLOBAL: dict[str, Any] = SMALL | {
    "network": "global",
    "downsamplings": 2,
    "blocks": 1,
    "perceptual": {"network": "stlpips_vgg16", "slices": (1.0,)},
}


def build(section=SMALL) -> DSCGAN:
    torch.manual_seed(0)
    return Config.model_validate(section).build(classes=4, height=SIDE, width=SIDE, training=True)


def noise() -> Noise:
    return Noise(generator(0))


@pytest.fixture(scope="module")
def batch() -> Batch:
    image = torch.rand(2, 3, SIDE, SIDE, generator=generator(1)) * 2 - 1
    labels = torch.randint(4, (2, SIDE, SIDE), generator=generator(2))
    return Batch(image, labels, torch.zeros_like(labels), ("a", "b"))


@pytest.mark.parametrize("preset", ["facades", "deepfashion", "ade20k"])
def test_a_preset_with_the_unet_has_the_published_number_of_parameters_on_eight_classes(preset):
    with torch.device("meta"):
        system = Config.model_validate({"preset": preset}).build(classes=8, height=256, width=256, training=False)
    assert sum(p.numel() for p in system.parameters()) == 58_271_013


def test_cityscapes_has_the_global_generator_with_a_long_code():
    with torch.device("meta"):
        config = Config.model_validate({"preset": "cityscapes"})
        system = config.build(classes=35, height=256, width=512, training=False)
    fuse = system.generator.get_parameter("fuse.1.weight")
    assert fuse.shape == (512, 512 + 64, 3, 3)
    assert len(list(system.generator.get_submodule("model").children())) == 8 + 4 * 3 + 3


@pytest.mark.parametrize(
    ("section", "names"), [(SMALL, {"GAN", "L1", "NE"}), (GLOBAL, {"GAN", "GAN_Feat", "VGG", "NE"})]
)
def test_each_generator_has_its_terms_and_they_teach_all_of_it(batch, section, names):
    system = build(section)
    terms = system.generator_terms(batch, noise())
    assert set(terms) == names
    torch.stack(list(terms.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in system.generator.parameters())


@pytest.mark.parametrize("section", [SMALL, GLOBAL])
def test_two_codes_give_two_pictures_with_either_generator(batch, section):
    system = build(section).eval()
    style = Style(global_latent=torch.randn(2, 8, generator=generator(3)))
    with torch.no_grad():
        first, second = system.synthesize(batch.labels[:1], batch.instances[:1], style)
    assert not torch.equal(first, second)


def test_only_the_first_picture_learns_to_be_unlike_the_second():
    first, second = (torch.rand(2, 3, 4, 4, generator=generator(seed)).requires_grad_() for seed in (0, 1))
    codes = torch.randn(2, 2, 8, generator=generator(2))
    diversity_loss(first, second, latent=codes[0], other_latent=codes[1]).backward()
    assert first.grad is not None
    assert second.grad is None


def test_a_picture_is_encoded_as_what_is_most_likely_of_any(batch):
    code = build().encode(batch.image, batch.labels, batch.instances, None).global_latent
    assert code is not None
    assert torch.equal(code, torch.zeros(2, 8))


def test_torchs_own_generator_is_not_asked_what_to_drop(batch):
    system, terms = build(), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        terms.append(system.generator_terms(batch, noise()))
    assert all(torch.equal(terms[0][name], terms[1][name]) for name in terms[0])


@pytest.mark.parametrize(
    ("section", "remedy"), [(SMALL, "halved 6 times.*`levels`"), (GLOBAL, "halved 2 times.*`downsamplings`")]
)
def test_a_size_that_cannot_be_halved_is_refused(section, remedy):
    with pytest.raises(ParamsError, match=remedy):
        Config.model_validate(section).build(classes=4, height=SIDE, width=70, training=False)
