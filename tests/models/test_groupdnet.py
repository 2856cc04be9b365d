"""GroupDNet's sizes, groups and codes; `tests/references/test_groupdnet_release.py` has its numbers."""

import pytest
import torch

from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.models.groupdnet import Config
from smis.nn.group_generator import group_schedule

SMALL = {"preset": "paperdoll", "width": 2, "encoder_width": 2, "hidden": 4, "upsamplings": 4}


def build(section=None, *, classes=4, height=32, width=32):
    torch.manual_seed(0)
    config = Config.model_validate(SMALL | (section or {}))
    system = config.build(classes=classes, height=height, width=width, training=False)
    for weight in system.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return system


def codes(style):
    assert style.classes is not None
    return style.classes


def quarters(pictures=2):
    """Lay four classes, one in each quarter."""
    labels = torch.arange(4).view(2, 2).repeat_interleave(16, 0).repeat_interleave(16, 1)
    return labels.expand(pictures, -1, -1)


def test_the_block_that_the_ade20k_release_never_runs_is_not_trained():
    config = Config.model_validate({"preset": "ade20k"})
    with torch.device("meta"):
        generator = config.build(classes=151, height=256, width=256, training=False).generator
    frozen = {name.split(".")[0] for name, parameter in generator.named_parameters() if not parameter.requires_grad}
    assert frozen == {"up_4"}


def test_a_class_is_encoded_from_its_own_pixels_alone():
    system, labels = build().eval(), quarters(1)
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    other = torch.where((labels == 2)[:, None], -image, image)
    with torch.no_grad():
        before, after = (codes(system.encode(picture, labels, labels, None)) for picture in (image, other))
    assert torch.equal(before[:, [0, 1, 3]], after[:, [0, 1, 3]])
    assert not torch.equal(before[:, 2], after[:, 2])


def test_redrawing_a_class_redraws_its_code_and_keeps_the_rest():
    system, labels = build().eval(), quarters()
    base, other = (system.sample(labels, labels, Noise(generator(seed))) for seed in (0, 1))
    code = codes(base.replaced(other, classes=[2]))
    assert torch.equal(code[:, [0, 1, 3]], codes(base)[:, [0, 1, 3]])
    assert torch.equal(code[:, 2], codes(other)[:, 2])


def test_a_code_reaches_its_own_group_of_the_start_map_alone():
    start = build({"groups": [4] * 8, "width": 4, "encoder_width": 4}).generator.get_submodule("fc")
    code = torch.randn(1, 4, 8, 2, 2)
    other = code.clone()
    other[:, 2] += 1
    before, after = (start(one.flatten(1, 2)).unflatten(1, (4, -1)) for one in (code, other))
    assert torch.equal(before[:, [0, 1, 3]], after[:, [0, 1, 3]])
    assert not torch.equal(before[:, 2], after[:, 2])


def test_groups_merge_like_the_released_ones_and_always_divide_the_classes():
    assert group_schedule(8, stages=8) == (8, 8, 8, 4, 4, 2, 2, 1)
    for classes in range(1, 40):
        groups = group_schedule(classes, stages=8)
        assert all(classes % group == 0 for group in groups)
        assert list(groups) == sorted(groups, reverse=True)


@pytest.mark.parametrize("classes", [1, 2, 7, 13])
def test_without_groups_any_number_of_classes_fits(classes):
    system, labels = build(classes=classes).eval(), quarters(1) % classes
    with torch.no_grad():
        image = system.synthesize(labels, labels, system.sample(labels, labels, Noise(generator(0))))
    assert image.shape == (1, 3, 32, 32)


def test_edges_are_a_part_of_the_layout_where_the_setting_has_them():
    system, labels = build({"groups": [4] * 8, "width": 4, "encoder_width": 4, "conditioning": "edged"}), quarters(1)
    system.eval()
    style = system.sample(labels, labels, Noise(generator(0)))
    with torch.no_grad():
        assert not torch.equal(
            system.synthesize(labels, labels, style), system.synthesize(labels, labels.clone().fill_(0), style)
        )


@pytest.mark.parametrize(
    ("section", "size", "message"),
    [
        ({}, (24, 32), r"24 x 32 cannot be reached by 4 doublings: both sides must be multiples of 16"),
        ({}, (16, 16), r"4 doublings leave one place of an image of 16 x 16, .*; set fewer `upsamplings`"),
        ({"groups": [4] * 8, "width": 4}, (32, 32), r"encoder_width is 2; 4 classes need a multiple of 4"),
        (
            {"groups": [4] * 8, "width": 1},
            (32, 32),
            r"stage 6 has 2 channels, which 4 classes .* multiple of 4; change",
        ),
        ({"groups": [4] * 7}, (32, 32), r"there are 7 groups for 8 stages"),
        ({"groups": [3] * 8, "width": 3}, (32, 32), r"4 classes cannot be split into groups of \[3, 3, .* classwise`"),
        ({"multiples": [8, 8, 4]}, (32, 32), r"`multiples` gives 3 stages; 4 upsamplings have 8"),
    ],
)
def test_sizes_and_groups_that_do_not_fit_are_refused(section, size, message):
    with pytest.raises(ParamsError, match=message):
        build(section, height=size[0], width=size[1])
