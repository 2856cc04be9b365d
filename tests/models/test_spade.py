"""SPADE's sizes, and that nothing varies; `tests/references/test_spade_release.py` has its numbers."""

import pytest
import torch

from smis.core.errors import ParamsError
from smis.models.spade import Config


@pytest.mark.parametrize(
    ("preset", "classes", "width", "parameters"),
    [
        ("ade20k", 151, 256, (96_492_483, 5_836_930)),
        ("cityscapes", 35, 512, (93_048_003, 5_601_410)),
        ("coco", 183, 256, (97_480_899, 5_904_514)),
    ],
)
def test_a_preset_has_the_published_number_of_parameters(preset, classes, width, parameters):
    with torch.device("meta"):
        config = Config.model_validate({"preset": preset})
        system = config.build(classes=classes, height=256, width=width, training=False)
    networks = (system.generator, system.discriminator)
    assert tuple(sum(p.numel() for p in network.parameters()) for network in networks) == parameters


def test_a_size_that_doubling_does_not_reach_is_refused():
    config = Config.model_validate({"preset": "paperdoll"})
    with pytest.raises(ParamsError, match=r"32 x 40 cannot be reached by 4 doublings"):
        config.build(classes=3, height=32, width=40, training=False)
