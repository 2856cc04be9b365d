"""OASIS' options; `tests/references/test_oasis_release.py` has its numbers."""

from typing import Any

import pytest
import torch

from smis.core.batch import Batch
from smis.core.errors import LabelError, ParamsError
from smis.core.seeding import Noise, generator
from smis.models.oasis import Config, Oasis
from smis.published.published_datasets import dataset_of

CLASSES, SIZE = 4, 32
SMALL: dict[str, Any] = {"preset": "paperdoll", "width": 2, "hidden": 4, "discriminator": {"width": 4}}


def build(**changed: Any) -> Oasis:
    torch.manual_seed(0)
    system = Config.model_validate({**SMALL, **changed}).build(classes=CLASSES, height=SIZE, width=SIZE, training=False)
    for weight in system.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return system


def batch_of() -> Batch:
    labels = (torch.arange(SIZE) * CLASSES // SIZE).expand(2, SIZE, SIZE).contiguous()
    return Batch(torch.rand(2, 3, SIZE, SIZE) * 2 - 1, labels, labels + 1, ("a", "b"))


def noise(seed: int = 0) -> Noise:
    return Noise(generator(seed, "test"))


@pytest.mark.parametrize(("unit", "different"), [("image", 1), ("class", CLASSES), ("instance", 16)])
def test_noise_is_drawn_for_images_classes_or_instances(unit: str, different: int) -> None:
    batch = batch_of()
    style = build(noise=unit).sample(batch.labels, batch.instances, noise())
    assert style.instances is not None
    assert len(style.instances[0].unique(dim=0)) == different
    assert not torch.equal(style.instances[0], style.instances[1])


def test_without_noise_nothing_varies() -> None:
    system, batch = build(noise_channels=0).eval(), batch_of()
    assert system.varies == "nothing"
    styles = [system.sample(batch.labels, batch.instances, noise(seed)) for seed in (0, 1)]
    with torch.no_grad():
        first, other = (system.synthesize(batch.labels, batch.instances, style) for style in styles)
    assert first.shape == (2, 3, SIZE, SIZE)
    assert torch.equal(first, other)


@pytest.mark.parametrize(
    ("preset", "count"), [("ade20k", 72_545_219), ("cityscapes", 69_338_051), ("coco", 73_429_955)]
)
def test_without_noise_a_preset_has_the_parameters_of_the_released_option(preset: str, count: int) -> None:
    data = dataset_of(preset)
    with torch.device("meta"):
        system = Config.model_validate({"preset": preset, "noise_channels": 0}).build(
            classes=len(data.classes), height=data.height, width=data.width, training=False
        )
    assert sum(weight.numel() for weight in system.generator.parameters()) == count


def test_a_class_unknown_that_stands_last_is_the_first_of_the_released_order() -> None:
    system, other, batch = build(unknown="last"), build(unknown="first"), batch_of()
    other.load_state_dict(system.state_dict())
    turned = Batch(batch.image, (batch.labels + 1) % CLASSES, batch.instances, batch.keys)
    ours, theirs = system.discriminator_terms(batch, noise()), other.discriminator_terms(turned, noise())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert system._class_weights(other._channels_of(turned.labels)).tolist() == pytest.approx([0, 4 / 3, 4 / 3, 4 / 3])


def test_unbalanced_every_pixel_weighs_one_and_unknown_ones_too() -> None:
    system = build(unknown="first", losses={"balanced": False})
    assert system._class_weights(batch_of().labels).tolist() == [1.0] * CLASSES


@pytest.mark.parametrize(
    ("losses", "names"),
    [
        ({"perceptual": 0}, ({"GAN"}, {"D_Fake", "D_Real", "D_LabelMix"})),
        ({"perceptual": 0, "label_mix": 0}, ({"GAN"}, {"D_Fake", "D_Real"})),
    ],
)
def test_a_term_without_weight_is_not_computed(losses: dict[str, float], names: tuple[set[str], set[str]]) -> None:
    system, batch = build(losses=losses), batch_of()
    terms = system.generator_terms(batch, noise()), system.discriminator_terms(batch, noise())
    assert tuple(map(set, terms)) == names


def test_the_released_training_needs_no_perceptual_network() -> None:
    config = Config.model_validate({**SMALL, "losses": {"perceptual": 0}})
    assert config.build(classes=CLASSES, height=SIZE, width=SIZE, training=True).perceptual is None


def test_instances_without_a_slot_are_refused() -> None:
    with pytest.raises(LabelError, match=r"id 16, but OASIS was built for 16 instances .* set systems\.oasis\.slots"):
        build().check_instances(torch.tensor([[[16]]]), ["street"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"multiples": [8, 8, 4]}, r"`multiples` gives 3 stages; 4 upsamplings have 6"),
        ({"upsamplings": 6, "multiples": [8] * 8}, r"32 x 32 cannot be reached by 6 doublings"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        build(**changed)


def test_normalization_of_single_images_has_no_statistics() -> None:
    names = build(normalization="instance").generator.state_dict()
    assert not [name for name in names if "first_norm" in name]
