"""What a system has no room for is refused before it goes to a device, and the picture is named."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from smis.core.batch import Batch, LimitedInstances, to_device
from smis.core.errors import LabelError
from smis.core.sample import check_slots
from smis.data.image_batch import DeviceTransformBatch
from smis.sampling.grid import sample_groups
from smis.sampling.sampler import Sampler
from smis.training.checkpoints import CheckpointManager
from smis.training.loggers import NullLogger
from smis.training.loop import train

REFUSED = r"^2/3 has instance id 4, but Toy was built for 4 instances \(ids 0 to 3\); set systems.toy.slots"


@pytest.fixture
def limited(toy: ModuleType) -> Any:
    class Few(toy.Toy):
        def check_instances(self, instances: torch.Tensor, keys: tuple[str, ...] = ()) -> None:
            assert instances.device.type == "cpu"
            check_slots(instances, keys, slots=4, system="Toy")

    return Few()


def crowded(toy: ModuleType) -> Batch:
    """The fourth picture has five instances."""
    batch = toy.batch_of(2)
    batch.instances[3, 0, :5] = torch.arange(5)
    return batch


def alone(toy: ModuleType) -> Batch:
    """That picture by itself."""
    whole = crowded(toy)
    return Batch(whole.image[3:4], whole.labels[3:4], whole.instances[3:4], whole.keys[3:4])


def late(batch: Batch) -> DeviceTransformBatch:
    levels = torch.zeros(*batch.labels.shape, 3, dtype=torch.uint8)
    kinds = batch.labels.to(torch.uint8), batch.instances.to(torch.uint16)
    return DeviceTransformBatch(levels, *kinds, torch.zeros(len(batch.keys), dtype=torch.bool), batch.keys)


def test_only_a_system_with_slots_is_asked(toy: ModuleType, limited: Any) -> None:
    assert isinstance(limited, LimitedInstances)
    assert not isinstance(toy.Toy(), LimitedInstances)
    assert to_device(crowded(toy), toy.Toy(), "cpu").keys[3] == "2/3"


@pytest.mark.parametrize("kind", [Batch, DeviceTransformBatch])
def test_a_batch_is_looked_at_before_it_is_sent(toy: ModuleType, limited: Any, kind: type) -> None:
    batch = crowded(toy) if kind is Batch else late(crowded(toy))
    with pytest.raises(LabelError, match=REFUSED):
        to_device(batch, limited, "meta")
    fitting = replace(batch, instances=torch.zeros_like(batch.instances))
    assert to_device(fitting, limited, "meta").instances.device.type == "meta"


def test_training_refuses_a_picture_of_too_many_instances_before_the_step(
    toy: ModuleType, limited: Any, tmp_path: Path
) -> None:
    class Crowded(toy.Data):
        def from_step(self, step: int) -> Iterator[Batch]:
            yield from (toy.batch_of(0), toy.batch_of(1), crowded(toy))

    trainer = toy.Trainer(limited, toy.config_of(5), toy.DistributedContext())
    with pytest.raises(LabelError, match=REFUSED):
        train(
            trainer,
            Crowded(toy.DistributedContext()),
            seed=0,
            checkpoints=CheckpointManager(tmp_path, {}),
            logger=NullLogger(),
            log_sample_grid=lambda step: None,
        )
    assert trainer.step == 2


@pytest.mark.parametrize(
    "plan",
    [
        lambda sampler, one: sampler.single([one]),
        lambda sampler, one: sampler.vary_all(one, samples=2),
        lambda sampler, one: sampler.vary_class(one, chosen=1, samples=2),
        lambda sampler, one: sampler.vary_instance(one, chosen=1, samples=2),
    ],
    ids=["single", "everything", "one class", "one instance"],
)
def test_sampling_refuses_it_on_every_device(toy: ModuleType, limited: Any, plan: Any) -> None:
    for device in ("cpu", "meta"):
        with pytest.raises(LabelError, match=REFUSED):
            list(plan(Sampler(limited, seed=0, batch=2, device=device), alone(toy)))


def test_a_grid_refuses_it_too(toy: ModuleType, limited: Any) -> None:
    with pytest.raises(LabelError, match=REFUSED):
        sample_groups(limited, [alone(toy)], palette=[(0, 0, 0)] * 3, seed=0)
