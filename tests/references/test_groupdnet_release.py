"""GroupDNet against the authors' released code at width 8: same weights and draws in, same numbers out."""

from copy import deepcopy

import pytest
import torch

from smis.core.batch import Batch
from smis.core.style import Style
from smis.models.common.class_latents import ClassLatents
from smis.models.groupdnet import Config
from smis.nn.class_crops import class_crops
from smis.nn.perceptual import perceptual_network
from tests.references.released import (
    SECTIONS,
    Released,
    check_evaluation,
    check_training_step,
    check_verdicts,
    close,
    fill,
    made_up_vgg,
    read,
    tape,
)


@pytest.fixture(scope="module")
def released() -> Released:
    return read("groupdnet_deepfashion")


@pytest.fixture(scope="module")
def filled(released) -> ClassLatents:
    config = Config.model_validate(
        {"preset": "deepfashion", "width": 8, "encoder_width": 16, "discriminator": {"width": 8}}
    )
    system = config.build(classes=8, height=256, width=256, training=False)
    for letter, name in SECTIONS.items():
        fill(system.get_submodule(name), released, letter)
    system.perceptual = perceptual_network("vgg19", made_up_vgg(), weights=config.perceptual.slices)
    return system


@pytest.fixture
def system(filled) -> ClassLatents:
    return deepcopy(filled)


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels = released["labels"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


def test_each_class_is_cut_out_as_released(released, batch):
    crops = class_crops(batch.image, batch.labels, classes=8).dense()
    assert torch.equal(crops[:, :, ::16, ::16], released["eval/trans_img"])
    sums = torch.stack([f(crops.double()).sum(dim=(2, 3)) for f in (torch.clone, torch.abs, torch.square)])
    torch.testing.assert_close(sums.float(), released["eval/trans_img_stats"], rtol=1e-5, atol=1e-2)


def test_every_network_gives_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        mean, log_variance = system.gaussian(batch.image, batch.labels)
        close(mean.flatten(1, 2), released["eval/mu"])
        close(log_variance.flatten(1, 2), released["eval/logvar"])
        style = system.encode(batch.image, batch.labels, batch.instances, tape(released, "eval", count=1))
        fake = system.synthesize(batch.labels, batch.instances, style)
        close(fake[:, :, ::4, ::4], released["eval/fake"])
        known = system.label_channels(batch.labels, batch.instances)
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            check_verdicts(system.discriminator(torch.cat([known, image], dim=1)), released, f"eval/{name}")


def test_in_evaluation_every_term_and_gradient_is_the_released_one(system, released, batch):
    check_evaluation(system, batch, released)


def test_one_training_step_of_each_side_ends_in_the_released_state(system, released, batch):
    check_training_step(system, batch, released)


@pytest.mark.parametrize("which", ["mask", "nomask"])
def test_drawing_one_class_anew_or_all_gives_the_released_pictures(system, released, batch, which):
    """The release draws codes as (batch, class, 8, 16); the first of all its full draws is wasted."""
    drawn = [released[f"vis_test/{which}/{number}"] for number in range(3)]
    styles = [Style(classes=drawn[0].unflatten(-1, (4, 4)))]
    for draw in drawn[1:]:
        classes = styles[-1].classes
        assert classes is not None
        if which == "mask":
            part = draw.unflatten(-1, (4, 4))[:, None].expand_as(classes)
            styles.append(styles[-1].replaced(Style(classes=part), classes=[int(released["vis_test/class"])]))
        else:
            styles.append(Style(classes=draw.unflatten(-1, (4, 4))))
    with torch.no_grad():
        for number, style in enumerate(styles[1:]):
            fake = system.eval().synthesize(batch.labels, batch.instances, style)
            close(fake[:, :, ::8, ::8], released[f"vis_test/fakes_{which}/{number}"])
