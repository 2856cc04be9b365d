"""CLADE's options; `tests/references/test_clade_release.py` has its numbers."""

from typing import Any

import pytest
import torch

from smis.core.errors import ParamsError
from smis.core.seeding import Noise, generator
from smis.models.clade import Config
from smis.nn.clade_norm import ClassAffine
from smis.nn.positional_maps import positional_maps

SMALL = {"preset": "paperdoll", "width": 2, "encoder_width": 2, "encoder_size": 32}


def build(*, filled: bool = True, **options: Any) -> Any:
    torch.manual_seed(0)
    system = Config.model_validate(SMALL | options).build(classes=4, height=32, width=32, training=False)
    for weight in system.parameters() if filled else ():
        torch.nn.init.normal_(weight, std=0.3)
    for _ in range(5):  # spectral normalization finds its vectors: until then evaluation divides by anything
        image(system, regions(), regions())
    return system.eval()


def regions() -> torch.Tensor:
    labels = torch.zeros(1, 32, 32, dtype=torch.long)
    labels[:, 8:24, 4:12], labels[:, 8:24, 20:28], labels[:, 26:] = 1, 1, 2
    return labels


def image(system: Any, *maps: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return system.synthesize(*maps, system.sample(*maps, Noise(generator(0))), **more)


def test_a_size_that_doubling_does_not_reach_is_refused():
    with pytest.raises(ParamsError, match=r"32 x 40 cannot be reached by 4 doublings"):
        Config.model_validate(SMALL).build(classes=3, height=32, width=40, training=False)


def test_with_the_encoder_everything_varies_and_without_it_nothing():
    assert [build(variational=chosen).varies for chosen in (False, True)] == ["nothing", "global"]


@pytest.mark.parametrize("edges", [True, False])
def test_edges_are_a_part_of_the_layout_only_where_the_setting_has_them(edges):
    system, labels = build(edges=edges), torch.zeros(1, 32, 32, dtype=torch.long)
    instances = labels.clone()
    instances[:, 10:20] = 1
    assert torch.equal(image(system, labels, labels), image(system, labels, instances)) != edges


def test_positions_are_those_of_the_label_map_unless_they_are_given():
    system, labels = build(positions=True), regions()
    own = positional_maps(labels)
    assert torch.equal(image(system, labels, labels), image(system, labels, labels, positions=own))
    assert not torch.equal(image(system, labels, labels), image(system, labels, labels, positions=-own))


def test_without_positions_given_ones_change_nothing():
    system, labels = build(), regions()
    assert torch.equal(image(system, labels, labels), image(system, labels, labels, positions=positional_maps(labels)))


def test_classes_without_positional_maps_are_a_setting():
    systems = [build(positions=True, unmapped=classes) for classes in ([0], [0, 1, 2, 3])]
    systems[1].load_state_dict(systems[0].state_dict())
    ours, without = (image(system, regions(), regions()) for system in systems)
    assert not torch.equal(ours, without)
    nowhere = torch.zeros(1, 2, 32, 32)
    assert torch.equal(without, image(systems[0], regions(), regions(), positions=nowhere))


@pytest.mark.parametrize(("init", "zero"), [("small", False), ("zero", True)])
def test_positions_count_for_little_at_first_or_as_in_the_paper_for_nothing(init, zero):
    system = build(filled=False, positions=True, position_init=init)
    layers = [layer for layer in system.modules() if isinstance(layer, ClassAffine)]
    convs = [conv for layer in layers for conv in (layer.dist_conv_w, layer.dist_conv_b)]
    assert len(convs) == 2 * 17
    assert all((conv.weight.count_nonzero() == 0) == zero for conv in convs)
    assert all(conv.bias is not None and conv.bias.count_nonzero() == 0 for conv in convs)
