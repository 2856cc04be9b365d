from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from smis.core.batch import Batch
from smis.core.images import to_uint8
from smis.core.sample import RESAMPLED_ALL
from smis.core.seeding import Noise
from smis.core.style import Style
from smis.sampling.sampler import Samplable, Sampler, covering


@pytest.fixture
def sampler(toy: ModuleType) -> Sampler:
    torch.manual_seed(0)
    return Sampler(_warm(toy), seed=0, batch=3)


def _warm(toy: ModuleType) -> Any:
    """Spectral vectors mean nothing before some forwards in training mode."""
    system = toy.Toy()
    for step in range(3):
        system.generator_terms(toy.batch_of(step), toy.Noise(toy.generator(0)))
    return system.eval()


def _one(toy: ModuleType) -> Batch:
    whole = toy.batch_of(0, 1)
    return Batch(whole.image, whole.labels, whole.instances, ("first",))


def test_the_toy_can_be_sampled(toy: ModuleType) -> None:
    assert isinstance(toy.Toy(), Samplable)


def test_single_makes_one_picture_of_each_label_map(toy: ModuleType, sampler: Sampler) -> None:
    made = list(sampler.single([toy.batch_of(0, 3), toy.batch_of(1, 2)]))
    assert [one.key for one in made] == ["0/0", "0/1", "0/2", "1/0", "1/1"]
    assert {(one.sample, one.resampled) for one in made} == {(0, RESAMPLED_ALL)}


def test_everything_makes_different_pictures_of_one_label_map(toy: ModuleType, sampler: Sampler) -> None:
    made = list(sampler.vary_all(_one(toy), samples=5))
    assert [one.sample for one in made] == [0, 1, 2, 3, 4]
    assert len({one.image.tobytes() for one in made}) == 5


def test_one_class_makes_pictures_that_share_the_style_of_all_others(toy: ModuleType) -> None:
    seen = []

    class Watched(toy.Toy):
        def synthesize(self, labels, instances, style):
            seen.append(style.classes)
            return super().synthesize(labels, instances, style)

    sampler = Sampler(Watched().eval(), seed=0, batch=2)
    made = list(sampler.vary_class(_one(toy), chosen=1, samples=3))
    codes = torch.cat(seen)
    assert [(one.sample, one.resampled) for one in made] == [(0, 1), (1, 1), (2, 1)]
    assert codes[:, [0, 2]].unique(dim=0).shape[0] == 1
    assert codes[:, 1].unique(dim=0).shape[0] == 3


def test_one_instance_is_drawn_anew_alone_where_instances_have_codes() -> None:
    seen: list[Style] = []

    class Instances:
        def sample(self, labels: torch.Tensor, instances: torch.Tensor, noise: Noise) -> Style:
            codes = noise.normal(len(labels), 4, 2)
            return Style(instances=codes, instance_classes=torch.tensor([[0, 1, 1, -1]]).expand(len(labels), -1))

        def synthesize(self, labels: torch.Tensor, instances: torch.Tensor, style: Style) -> torch.Tensor:
            assert style.instances is not None
            seen.append(style)
            return torch.zeros(len(style.instances), 3, *labels.shape[1:])

    list(Sampler(Instances(), seed=0, batch=2).vary_instance(_people(), chosen=2, samples=4))
    codes = torch.cat([style.instances for style in seen if style.instances is not None])
    assert codes[:, 2].unique(dim=0).shape[0] == 4
    assert codes[:, [0, 1, 3]].unique(dim=0).shape[0] == 1


def test_the_class_of_an_instance_is_drawn_anew_where_only_classes_have_codes() -> None:
    seen: list[torch.Tensor] = []

    class Classes:
        def sample(self, labels: torch.Tensor, instances: torch.Tensor, noise: Noise) -> Style:
            return Style(classes=noise.normal(len(labels), 2, 3))

        def synthesize(self, labels: torch.Tensor, instances: torch.Tensor, style: Style) -> torch.Tensor:
            assert style.classes is not None
            seen.append(style.classes)
            return torch.zeros(len(style.classes), 3, *labels.shape[1:])

    made = list(Sampler(Classes(), seed=0, batch=3).vary_instance(_people(), chosen=2, samples=3))
    assert [one.resampled for one in made] == [2, 2, 2]
    assert torch.cat(seen)[:, 1].unique(dim=0).shape[0] == 3
    assert torch.cat(seen)[:, 0].unique(dim=0).shape[0] == 1


def _people() -> Batch:
    """A ground, and two of class 1 beside each other."""
    instances = torch.tensor([[[0, 1, 1, 2], [0, 1, 1, 2]]])
    return Batch(torch.zeros(1, 3, 2, 4), (instances > 0).long(), instances, ("a",))


def test_one_seed_gives_one_set_of_pictures_and_two_seeds_two(toy: ModuleType) -> None:
    system = _warm(toy)

    def drawn(seed: int) -> list[bytes]:
        plan = Sampler(system, seed=seed, batch=4).vary_all(_one(toy), samples=4)
        return [one.image.tobytes() for one in plan]

    assert drawn(0) == drawn(0)
    assert not set(drawn(0)) & set(drawn(1))


def test_pictures_are_bytes_from_black_to_white() -> None:
    images = torch.tensor([-2.0, -1.0, 0.0, 1.0]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    assert to_uint8(images)[0, :, :, 0].tolist() == [[0, 0], [128, 255]]
    assert to_uint8(images).dtype == np.uint8


def test_covering_shows_every_class_with_as_few_label_maps_as_it_can() -> None:
    present = [[0], [0, 1], [0, 1, 2], [0], [3]]
    assert covering(present, 2) == [2, 4]
    assert covering(present, 3) == [2, 4, 1]
    assert sorted(covering(present, 9)) == [0, 1, 2, 3, 4]
