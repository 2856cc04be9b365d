"""SEAN's sizes, edges and samples; `tests/references/test_sean_release.py` has its numbers."""

from typing import Any

import pytest
import torch
from torch import nn

from smis.core.batch import Batch
from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.models.sean import Config

SMALL = {"preset": "paperdoll", "width": 2, "encoder_width": 2, "hidden": 4, "discriminator": {"width": 4}}


def build(**changed: Any) -> Any:
    config = Config.model_validate(SMALL | changed)
    system = config.build(classes=4, height=32, width=32, training=True)
    for weight in system.parameters():
        nn.init.normal_(weight, std=0.3)
    return system


def batch_of() -> Batch:
    labels = (torch.arange(32) // 8).expand(2, 32, 32).contiguous()
    return Batch(torch.rand(2, 3, 32, 32, generator=generator(0)) * 2 - 1, labels, labels.clone(), ("a", "b"))


def noise(seed: int = 0) -> Noise:
    return Noise(generator(seed))


def test_a_layer_of_the_release_has_19_linear_maps_and_refuses_more_classes():
    assert Config.model_validate({"preset": "custom"}).style_layers == 19
    names = dict(build(style_layers=19).generator.head_0.ace_0.named_children())
    assert {f"fc_mu{number}" for number in range(19)} <= set(names)
    trained = [number for number in range(19) if names[f"fc_mu{number}"].weight.requires_grad]
    assert trained == [0, 1, 2, 3]
    with pytest.raises(ParamsError, match=r"style_layers is 4, but there are 5 regions \(4 classes and edges\), each"):
        build(style_layers=4, edges=True)


def test_edges_are_a_region_whose_code_belongs_to_the_whole_image():
    plain, edged = build(), build(edges=True)
    batch = batch_of()
    one, other = (each.encode(batch.image, batch.labels, batch.instances, noise()) for each in (plain, edged))
    assert one.classes.shape == other.classes.shape == (2, 4, 32)
    assert other.global_latent.shape[1] == one.global_latent.shape[1] + 32
    assert edged.synthesize(batch.labels, batch.instances, other).shape == (2, 3, 32, 32)
    terms = edged.generator_terms(batch, noise())
    assert all(term.isfinite() for term in terms.values())


def test_a_sample_has_codes_of_training_images():
    system, batch = build().train(), batch_of()
    assert not system.can_sample
    assert not system.sample(batch.labels, batch.instances, noise()).classes.any()
    with torch.no_grad():
        system.generator_terms(batch, noise())
        codes = system.encode(batch.image, batch.labels, batch.instances, None).classes
        system.discriminator_terms(batch, noise())
    assert system.can_sample
    assert system.encoder.exemplars.added.tolist() == [2] * 4
    sampled = system.sample(batch.labels, batch.instances, noise(1)).classes
    for number in range(4):
        for image in range(2):
            assert min((sampled[image, number] - code).abs().max() for code in codes[:, number]) < 1e-6
    torch.testing.assert_close(
        system.sample(batch.labels, batch.instances, None).classes, codes.mean(0).expand(2, -1, -1)
    )


def test_without_exemplars_the_encoder_is_the_released_one():
    system = build(exemplars=0)
    assert [name for name in system.encoder.state_dict() if not name.startswith("model.")] == []
    batch = batch_of()
    system.train().generator_terms(batch, noise())
    assert not system.can_sample
    assert not system.sample(batch.labels, batch.instances, noise()).classes.any()


def test_in_evaluation_nothing_is_kept():
    system = build().eval()
    system.generator_terms(batch_of(), noise())
    assert not system.can_sample
