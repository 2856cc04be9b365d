"""pix2pixHD's sizes and its two variants; `tests/references/test_pix2pixhd_release.py` has its numbers."""

import pytest
import torch
from pydantic import ValidationError

from smis.core.batch import Batch
from smis.core.errors import CheckpointError, LabelError, ParamsError
from smis.core.seeding import Noise, generator
from smis.models.common.loss_terms import HINGE, LEAST_SQUARES
from smis.models.pix2pixhd import Config, Pix2PixHD
from smis.nn.discriminators import MultiscaleDiscriminator, Pix2PixHDDiscriminator


def on_paper(section, *, classes=35, height=256, width=512) -> Pix2PixHD:
    with torch.device("meta"):
        return Config.model_validate(section).build(classes=classes, height=height, width=width, training=False)


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ({}, {"model.1.bias", "model.16.conv_block.5.weight", "model.25.weight", "model.38.weight"}),
        (
            {"variant": "spade"},
            {"model.1.0.weight_orig", "model.11.conv_block.4.0.weight_u", "model.20.0.weight_v", "model.29.weight"},
        ),
        (
            {"variant": "spade", "downsamplings": 3},
            {"model.7.0.weight_orig", "model.9.conv_block.1.0.weight_orig", "model.25.bias"},
        ),
        (
            {"generator": "enhanced", "width": 32, "downsamplings": 3},
            {"model.13.conv_block.1.weight", "model1_1.4.weight", "model1_2.2.conv_block.5.bias", "model1_2.7.weight"},
        ),
    ],
)
def test_names_are_the_released_ones(section, names):
    assert names - set(on_paper(section).generator.state_dict()) == set()


def test_each_variant_has_its_own_discriminator_and_loss():
    nvidia, spade = (on_paper({"variant": variant}) for variant in ("nvidia", "spade"))
    assert isinstance(nvidia.discriminator, Pix2PixHDDiscriminator)
    assert isinstance(spade.discriminator, MultiscaleDiscriminator)
    assert nvidia.objective is LEAST_SQUARES
    assert spade.objective is HINGE


def test_the_spectrally_normalized_variant_has_no_bias_but_the_last():
    names = [name for name, _ in on_paper({"variant": "spade"}).generator.named_parameters() if name.endswith("bias")]
    assert names == ["model.29.bias"]


def test_the_variant_of_spade_has_no_enhanced_generator():
    with pytest.raises(ValidationError, match="'spade' has no 'enhanced' generator; set `generator: global`"):
        Config.model_validate({"variant": "spade", "generator": "enhanced"})


@pytest.mark.parametrize(
    ("section", "width", "message"),
    [
        ({}, 40, r"32 x 40 cannot be halved 4 times: both sides must be multiples of 16, and at least 32"),
        ({"generator": "enhanced"}, 64, r"32 x 64 cannot be halved 5 times.*set the system's `downsamplings`"),
    ],
)
def test_a_size_that_cannot_be_halved_is_refused(section, width, message):
    with pytest.raises(ParamsError, match=message):
        on_paper(section, height=32, width=width)


def test_with_features_an_instance_follows_its_pictures_and_the_encoder_learns():
    torch.manual_seed(0)
    config = Config.model_validate({"preset": "paperdoll", "width": 4, "features": 3, "feature_width": 4, "slots": 4})
    system = config.build(classes=3, height=32, width=32, training=True)
    labels = (torch.arange(32) // 11).expand(2, 32, -1)
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    noise = Noise(generator(0))
    encoded, drawn = system.encode(image, labels, labels, None), system.sample(labels, labels, noise)
    assert encoded.instances is not None
    assert drawn.instances is not None
    assert encoded.instances.shape == drawn.instances.shape == (2, 4, 3)
    assert not torch.equal(*(system.synthesize(labels, labels, style) for style in (encoded, drawn)))
    assert system.varies == "instance"
    terms = system.generator_terms(Batch(image, labels, labels, ("a", "b")), noise)
    torch.stack(list(terms.values())).sum().backward()
    assert system.encoder is not None
    assert all(parameter.grad is not None for parameter in system.encoder.parameters())


def test_features_that_no_encoder_gives_are_refused_and_not_taken_for_zeros():
    system = on_paper({"features": 3})
    system.encoder = None
    image, maps = torch.zeros(1, 3, 256, 512), torch.zeros(1, 256, 512, dtype=torch.long)
    with pytest.raises(CheckpointError, match=r"^this checkpoint of Pix2PixHD has no encoder's weights, "):
        system.encode(image, maps, maps, None)


def test_more_instances_than_slots_are_refused_where_instances_have_features():
    instances = torch.arange(16).view(1, 4, 4)
    on_paper({"slots": 15}).check_instances(instances)
    known = r"a has instance id 15, but pix2pixHD was built for 15 .* set systems.pix2pixhd.slots"
    with pytest.raises(LabelError, match=known):
        on_paper({"slots": 15, "features": 3}).check_instances(instances, ["a"])
