"""Steps of a training: images per second, where the time goes, how well the device is used, memory."""

from dataclasses import asdict, dataclass
from typing import Any

from torch.utils.flop_counter import FlopCounterMode

from smis.bench.built import built
from smis.bench.peak import peak
from smis.bench.scene import Scenes
from smis.bench.timeline import Timeline
from smis.metrics import cost
from smis.training.acceleration import Precision
from smis.training.distributed import DistributedContext
from smis.training.loop import Trainer, TrainingConfig

_WARM_UP = 2
_BUILT = ("system", "preset")
PARTS = ("generator", "encoder", "discriminator", "perceptual")


@dataclass(frozen=True)
class Case:
    """What is trained, and how."""

    system: str
    preset: str
    batch: int
    """Label maps of a step, over all processes together."""
    precision: Precision = "float32"
    accumulate: int = 1
    channels_last: bool = False
    compile: bool = False
    reuse_image: bool = False

    @property
    def config(self) -> TrainingConfig:
        """What of it a training is told."""
        return TrainingConfig.model_validate({key: value for key, value in asdict(self).items() if key not in _BUILT})


def train(case: Case, distributed: DistributedContext, *, steps: int) -> dict[str, Any]:
    """Train a few steps from made-up weights; times are this process's, marks cost less than a thousandth of them.

    `seconds` has forward and backward of each network together; `achieved` is the share of what a product of matrices
    reaches here in the same numbers.
    """
    device = distributed.device
    system, data = built(case.system, case.preset, training=True)
    trainer = Trainer(system.to(device), case.config, distributed)
    batches = Scenes(data, batch=case.batch, shares=distributed.world_size).from_step(0)
    timeline = Timeline(device)
    timeline.follow({part: getattr(system, part, None) for part in PARTS})
    trainer.on_phase(timeline.mark)
    numbers = iter(range(1, _WARM_UP + steps + 2))

    def step() -> None:
        timeline.mark("data")
        batch = next(batches).to(device)
        timeline.mark("other")
        trainer.train_step(next(numbers), batch, seed=0)

    for _ in range(_WARM_UP):
        step()
    with FlopCounterMode(display=False) as counter:
        step()
    timeline.seconds()

    def timed() -> None:
        for _ in range(steps):
            step()

    memory = cost.peak_memory(timed, device=device)
    timeline.mark("other")
    seconds = {name: each / steps for name, each in timeline.seconds().items()}
    whole = sum(seconds.values())
    flops = counter.get_total_flops()
    reached = peak(device, case.precision)
    return {
        "images_per_second": case.batch / whole,
        "step_seconds": whole,
        "seconds": dict(sorted(seconds.items(), key=lambda item: -item[1])),
        "flops_per_second": flops / whole,
        "matrix_product_flops_per_second": reached,
        "achieved": flops / whole / reached,
        "peak_memory_bytes": memory,
    }
