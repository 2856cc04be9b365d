"""VSPADE's sizes and its one code; `tests/references/test_vspade_release.py` has its numbers."""

import pytest
import torch
from pydantic import ValidationError

from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.models.vspade import Config
from smis.nn.image_encoder import ImageEncoder

SMALL = {"preset": "paperdoll", "width": 2, "encoder_width": 2, "encoder_size": 32, "hidden": 4, "upsamplings": 4}


def build(section=None, *, classes=4, height=32, width=32):
    torch.manual_seed(0)
    config = Config.model_validate(SMALL | (section or {}))
    system = config.build(classes=classes, height=height, width=width, training=False)
    for weight in system.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return system


def test_redrawing_a_class_redraws_everything():
    system, labels = build(), torch.zeros(2, 32, 32, dtype=torch.long)
    base, other = (system.sample(labels, labels, Noise(generator(seed))) for seed in (0, 1))
    assert base.replaced(other, classes=[2]) == other


def test_a_picture_of_another_size_is_resized_for_the_encoder():
    encoder = ImageEncoder(width=2, latent=5, size=16).eval()
    small = torch.rand(1, 3, 16, 16)
    large = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    with torch.no_grad():
        for ours, theirs in zip(encoder(large), encoder(small), strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("edges", [True, False])
def test_edges_are_a_part_of_the_layout_only_where_the_setting_has_them(edges):
    system = build({"edges": edges}).eval()
    labels = torch.zeros(1, 32, 32, dtype=torch.long)
    instances = labels.clone()
    instances[:, 10:20] = 1
    style = system.sample(labels, labels, Noise(generator(0)))
    with torch.no_grad():
        images = [system.synthesize(labels, map_, style) for map_ in (labels, instances)]
    assert torch.equal(*images) != edges


def test_a_size_that_doubling_does_not_reach_is_refused():
    with pytest.raises(ParamsError, match=r"32 x 40 cannot be reached by 4 doublings.* set the system's `upsamplings`"):
        build(width=40)


def test_a_size_that_the_encoder_cannot_halve_to_four_is_refused():
    with pytest.raises(ValidationError, match=r"encoder_size\n.* should be 8, 16, 32, 64, 128, 256 or 512"):
        Config.model_validate(SMALL | {"encoder_size": 48})
    with pytest.raises(ParamsError, match="the encoder's size is 48; it must be 8, 16, 32"):
        ImageEncoder(width=2, latent=5, size=48)
