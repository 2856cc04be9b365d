"""`python shared_training.py FOLDER`, alone or under torchrun: train small systems for a few steps of global batches.

Writes FOLDER/SYSTEM-weights.safetensors: every weight, spectral vector and batch statistic after three steps in double
precision; and FOLDER/SYSTEM-gradients-{single,double}.safetensors: both sides' gradients of one step, in which the
generator hardly moves. All precisions begin with the same numbers.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

from smis.core.batch import Batch
from smis.core.seeding import Noise, generator
from smis.models.system_registry import SYSTEMS
from smis.training import loop
from smis.training.checkpoints import CheckpointManager
from smis.training.distributed import DistributedContext, distributed_context
from smis.training.loggers import NullLogger
from smis.training.loop import Trainer, TrainingConfig, train

CLASSES, SIZE, BATCH = 4, 32, 4
_SMALL = {"hidden": 8, "discriminator": {"width": 8}, "perceptual": {"network": "stlpips_vgg16", "slices": [1.0]}}
SECTIONS = {
    "groupdnet": {"width": 2, "encoder_width": 8, "upsamplings": 3, **_SMALL},
    "inade": {"preset": "paperdoll", "width": 4, "encoder_width": 8, "discriminator": {"width": 8}},
    "spade": {"preset": "paperdoll", "width": 4, "hidden": 8, "discriminator": {"width": 8}},
}
ONE_STEP = {"steps": 1, "lr_generator": 1e-12}
CASES = {
    "weights": (torch.float64, {"steps": 3}),
    "gradients-double": (torch.float64, ONE_STEP),
    "gradients-single": (torch.float32, ONE_STEP),
}


class Data:
    """A process's share of global batches that are made by code."""

    def __init__(self, distributed: DistributedContext) -> None:
        self._rank, self._world = distributed.rank, distributed.world_size

    def from_step(self, step: int) -> Iterator[Batch]:
        while True:
            draws = generator(0, "data", step)
            quarters = torch.randint(0, CLASSES, (BATCH, 2, 2), generator=draws)
            labels = quarters.repeat_interleave(SIZE // 2, dim=1).repeat_interleave(SIZE // 2, dim=2)
            image = torch.rand(BATCH, 3, SIZE, SIZE, generator=draws, dtype=torch.float32) * 2 - 1
            instances = torch.stack([each.unique(return_inverse=True)[1] for each in labels])
            whole = Batch(image.to(torch.get_default_dtype()), labels, instances, tuple("abcd"))
            share = slice(self._rank * BATCH // self._world, (self._rank + 1) * BATCH // self._world)
            maps = whole.labels[share], whole.instances[share]
            yield Batch(whole.image[share], *maps, whole.keys[share], shares=self._world)
            step += 1


class SingleNoise(Noise):
    """Draws the same numbers in every precision."""

    def normal(self, *shape: int, device: torch.device | str = "cpu") -> torch.Tensor:
        kind = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        drawn = super().normal(*shape, device=device)
        torch.set_default_dtype(kind)
        return drawn.to(kind)


def learned(
    name: str, case: str, distributed: DistributedContext, checkpoints: CheckpointManager
) -> dict[str, torch.Tensor]:
    kind, section = CASES[case]
    torch.manual_seed(0)
    system = SYSTEMS.load(name).check(SECTIONS[name], source="test")
    system = system.build(classes=CLASSES, height=SIZE, width=SIZE, training=True).to(kind)
    torch.set_default_dtype(kind)
    trainer = Trainer(system, TrainingConfig.model_validate({"batch": BATCH, **section}), distributed)
    train(
        trainer,
        Data(distributed),
        seed=0,
        checkpoints=checkpoints,
        logger=NullLogger(),
        log_sample_grid=lambda step: None,
    )
    torch.set_default_dtype(torch.float32)
    if case != "weights":
        return {"generator": trainer.generator_optimizer._flat, "discriminator": trainer.discriminator_optimizer._flat}
    networks = trainer.state_dict()["networks"]
    flat = {f"{part}.{key}": value for part, state in networks.items() for key, value in state.items()}
    return {key: value.contiguous().clone() for key, value in flat.items()}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    loop.Noise = SingleNoise
    with distributed_context("cpu") as distributed:
        for name in SECTIONS:
            for case in CASES:
                tensors = learned(name, case, distributed, CheckpointManager(folder / "states" / f"{name}-{case}", {}))
                if distributed.is_main:
                    save_file(tensors, folder / f"{name}-{case}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
