"""SEAN against its authors' released code, at width 4 on 8 classes: same weights and draws in, same numbers out.

The release keeps its encoder inside the generator, as `Zencoder`.
"""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.style import Style
from smis.models.sean import Config, Sean
from smis.nn.label_maps import resize_nearest
from smis.nn.perceptual import perceptual_network
from smis.nn.style_encoder import mean_codes
from smis.styles.label_layout import ABSENT, present_classes
from smis.styles.latents import interpolate
from tests.references.released import (
    Released,
    check_evaluation,
    check_training_step,
    close,
    fill,
    made_up_for,
    made_up_vgg,
    read,
    tape,
)

CLASSES, DRAWS = 8, 18
INSIDE = "G/Zencoder."


@pytest.fixture(scope="module")
def released() -> Released:
    """Give the release's numbers, those of its encoder apart."""
    return {_apart(key): value for key, value in read("sean_custom8").items()}


def _apart(key: str) -> str:
    before, inside, name = key.partition(INSIDE)
    return f"{before}E/{name}" if inside else key


def made_up(name: str, parameter: Tensor) -> Tensor:
    letter, _, rest = name.partition(".")
    return made_up_for("sean_custom8", f"G.Zencoder.{rest}" if letter == "E" else name, parameter)


@pytest.fixture(scope="module")
def filled(released) -> Sean:
    config = Config.model_validate(
        {"preset": "custom", "width": 4, "style": 16, "exemplars": 0, "discriminator": {"width": 8}}
    )
    system = config.build(classes=CLASSES, height=64, width=64, training=False)
    for letter, name in (("G", "generator"), ("E", "encoder"), ("D", "discriminator")):
        network: nn.Module = getattr(system, name)
        unread = {f"state/{letter}/{key}": each for key, each in network.named_buffers() if "Spade.param_free" in key}
        fill(network, unread | released, letter, made_up)
    system.perceptual = perceptual_network("vgg19", made_up_vgg(), weights=config.perceptual.slices)
    return system


@pytest.fixture
def system(filled) -> Sean:
    return deepcopy(filled)


@pytest.fixture(scope="module")
def batch(released) -> Batch:
    labels = released["labels"].long()
    return Batch(released["image"].float() / 127.5 - 1, labels, torch.zeros_like(labels), ("a", "b"))


def encoded(system: Sean, batch: Batch) -> Tensor:
    codes = system.eval().encode(batch.image, batch.labels, batch.instances, None).classes
    assert codes is not None
    return codes


def present_at(labels: Tensor, side: int) -> Tensor:
    return present_classes(resize_nearest(labels, height=side, width=side), classes=CLASSES) != ABSENT


def test_the_networks_read_the_released_channels(system, released, batch):
    channels = system.label_channels(batch.labels, batch.instances)
    assert torch.equal(channels.sum(dim=(2, 3)), released["eval/semantics_channel_sums"])


def test_every_network_gives_the_released_outputs(system, released, batch):
    system.eval()
    with torch.no_grad():
        style = system.encode(batch.image, batch.labels, batch.instances, tape(released, "eval", count=DRAWS))
        fake = system.synthesize(batch.labels, batch.instances, style)
        close(fake, released["eval/fake"])
        norm, total, first = released["fp64/fake64_stat"].tolist()
        assert fake.norm().item() == pytest.approx(norm, rel=1e-6)
        assert fake.sum().item() == pytest.approx(total, rel=1e-5)
        assert fake.flatten()[0].item() == pytest.approx(first, abs=1e-6)
        known = system.label_channels(batch.labels, batch.instances)
        for name, image in (("D_fake", fake), ("D_real", batch.image)):
            outputs = system.discriminator(torch.cat([known, image], dim=1))
            assert [len(layers) for layers in outputs] == [4, 4]
            for scale, layers in enumerate(outputs):
                for layer, output in enumerate(layers):
                    if (key := f"eval/{name}/{scale}/{layer}") in released:
                        close(output, released[key])


def test_one_convolution_of_each_image_gives_the_released_image_too(system, released, batch, monkeypatch):
    monkeypatch.setattr("smis.nn.sean_norm.is_countable", lambda ids: False)
    with torch.no_grad():
        style = system.eval().encode(batch.image, batch.labels, batch.instances, tape(released, "eval", count=DRAWS))
        close(system.synthesize(batch.labels, batch.instances, style), released["eval/fake"])


def test_in_evaluation_every_term_and_gradient_is_the_released_one(system, released, batch):
    check_evaluation(system, batch, released, draws=DRAWS)


def test_in_training_the_image_is_the_released_one(system, released, batch):
    with torch.no_grad():
        style = system.train().encode(batch.image, batch.labels, batch.instances, tape(released, "train", count=DRAWS))
        close(system.synthesize(batch.labels, batch.instances, style), released["train/fake"])


def test_one_training_step_of_each_side_ends_in_the_released_state(system, released, batch):
    check_training_step(system, batch, released, draws=DRAWS)


def test_the_encoders_features_and_codes_are_the_released_ones(system, released, batch):
    with torch.no_grad():
        features = system.eval().encoder.model(batch.image)
        codes = encoded(system, batch)
    close(features[:, :, ::4, ::4], released["style/feature_map_stride4"])
    norm, total, first = released["style/feature_map_stats"].tolist()
    assert features.norm().item() == pytest.approx(norm, rel=1e-5)
    assert features.sum().item() == pytest.approx(total, rel=1e-5)
    assert features.flatten()[0].item() == pytest.approx(first, abs=1e-5)
    close(codes, released["style/style_codes"])
    present = present_at(batch.labels, 32)
    assert torch.equal(present, released["style/present_at_code_size"].bool())
    assert torch.equal(present_at(batch.labels, 64), released["style/present_at_full_size"].bool())
    assert torch.equal(codes.any(dim=2), present)


def test_the_mean_codes_are_the_released_ones(system, released, batch):
    present = released["style/saved_for_mean"].bool()
    assert torch.equal(present_at(batch.labels, 32), present)
    with torch.no_grad():
        means = mean_codes(encoded(system, batch), present)
    known = released["style/mean_exists"].bool()
    assert torch.equal(present.any(dim=0), known)
    close(means[known], released["style/mean_codes"][known])


def test_codes_are_chosen_as_in_the_released_user_interface(system, released, batch):
    """A class has its own code, or else the mean; of it, another image's, or a code between the two."""
    means = released["style/mean_codes"]
    with torch.no_grad():
        codes = encoded(system, batch)
    own, other = torch.where(present_at(batch.labels, 32).unsqueeze(2), codes, means)
    close(own, released["style/ui_own/table"])
    chosen = int(released["style/ui_one_class_swapped/class"])
    ours, theirs = Style(classes=own[None]), Style(classes=other[None])
    swapped = ours.replaced(theirs, classes=[chosen]).classes
    assert swapped is not None
    close(swapped[0], released["style/ui_one_class_swapped/table"])
    alpha = torch.full((CLASSES,), released["style/ui_interpolated/alpha"].item())
    close(interpolate(own, other, alpha, spherical=False), released["style/ui_interpolated/table"])


@pytest.mark.parametrize("name", ["own", "one_class_swapped", "interpolated", "all_mean"])
def test_the_images_of_the_released_user_interface_are_the_released_ones(system, released, batch, name):
    style = system.eval().sample(batch.labels[:1], batch.instances[:1], tape(released, "style", count=DRAWS))
    table = released[f"style/ui_{name}/table"]
    with torch.no_grad():
        fake = system.synthesize(batch.labels[:1], batch.instances[:1], Style(style.global_latent, classes=table[None]))
    close(fake, released[f"style/ui_{name}/fake"])
