"""Speed of training steps: images per second, where the time goes, utilization, memory, and scaling over processes."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from smis.bench.step_timeline import Timeline
from smis.bench.synthetic import build_synthetic, check_preset, synthetic_batch
from smis.core.errors import ParamsError, SmisError, fixable
from smis.core.process_settings import MALLOC_ENVIRONMENT
from smis.metrics import cost
from smis.training.acceleration import DTYPES, Precision
from smis.training.distributed import DistributedContext, distributed_context
from smis.training.loop import Trainer, TrainingConfig

_SIDE = {"cpu": 2048, "cuda": 8192}
_REFUSED = "refused"
"""The key of a message, where a process could not measure."""


def matrix_product_flops(device: torch.device, precision: Precision, *, repeats: int = 5) -> float:
    """Return floating-point operations per second of a large square product, the median of warm runs."""
    side = _SIDE.get(device.type, 2048)
    a, b = (torch.randn(side, side, device=device).to(DTYPES[precision]) for _ in range(2))
    taken = [cost.seconds(lambda: a @ b, device=device) for _ in range(repeats + 1)]
    return 2 * side**3 / statistics.median(taken[1:])


_WARM_UP = 2
PARTS = ("generator", "encoder", "discriminator", "perceptual")


def measure_training(
    system: str, preset: str, config: TrainingConfig, distributed: DistributedContext, *, steps: int
) -> dict[str, Any]:
    """Train a few steps from made-up weights; times are this process's, marks cost less than a thousandth of them.

    `seconds` has forward and backward of each network together; `achieved` is the share of what a product of matrices
    reaches here in the same numbers.
    """
    device = distributed.device
    networks, data = build_synthetic(system, preset, training=True)
    trainer = Trainer(networks.to(device), config, distributed)
    shares = distributed.world_size
    # the same two again and again, ready in memory: what a loader costs is measured by itself
    batches = cycle([synthetic_batch(data, batch=config.batch // shares, shares=shares, step=n) for n in range(2)])
    timeline = Timeline(device)
    timeline.follow({part: getattr(networks, part, None) for part in PARTS})
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
    reached = matrix_product_flops(device, config.precision)
    return {
        "images_per_second": config.batch / whole,
        "step_seconds": whole,
        "seconds": dict(sorted(seconds.items(), key=lambda item: -item[1])),
        "flops_per_second": flops / whole,
        "matrix_product_flops_per_second": reached,
        "achieved": flops / whole / reached,
        "peak_memory_bytes": memory,
    }


def measure_scaling(
    system: str, preset: str, config: TrainingConfig, *, device: str | None, processes: int, steps: int
) -> dict[str, Any]:
    """Train in a process such as a training has; with several also in as many, each with one's batch (weak scaling).

    `efficiency` is images per second of all, over `processes` times those of one.

    Raises:
        ParamsError: if the system has no such preset, or the processes failed; a traceback goes to stderr.
    """
    check_preset(system, preset)
    arguments = system, preset, str(steps), device or ""
    found = _started(config, *arguments, processes=1)
    if processes == 1:
        return found
    many = _started(config, *arguments, processes=processes)
    rate = many["images_per_second"]
    return {**found, "processes": many, "efficiency": rate / processes / found["images_per_second"]}


def _started(config: TrainingConfig, *arguments: str, processes: int) -> dict[str, Any]:
    scaled = config.model_copy(update={"batch": config.batch * processes})
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(torchrun if processes > 1 else []), "-m", "smis.bench.training_speed"]
    threads = str(max(1, torch.get_num_threads() // processes))
    environment = {
        **MALLOC_ENVIRONMENT,
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    printed, said, code = _run([*command, scaled.model_dump_json(), *arguments], environment)
    found = json.loads((printed.splitlines() or ["{}"])[-1])
    if _REFUSED in found:
        raise ParamsError(found[_REFUSED])
    print(said, end="", file=sys.stderr, flush=True)
    if code:
        raise ParamsError(f"{processes} process{'es' * (processes > 1)} failed; try a smaller --batch, or fewer")
    return found


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[str, str, int]:
    """Return what a program printed, what it said on stderr, and its exit code; it ends with this process.

    In a session of its own: a terminal's Ctrl-C reaches this process alone, which tells the program to end, as torchrun
    then tells its processes.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as run:
        try:
            return *run.communicate(), run.returncode
        except BaseException:
            run.terminate()
            run.communicate()
            raise


def _worker(config: str, system: str, preset: str, steps: str, device: str) -> None:
    with distributed_context(device or None) as distributed:
        training = TrainingConfig.model_validate_json(config)
        found = measure_training(system, preset, training, distributed, steps=int(steps))
        if distributed.is_main:
            print(json.dumps(found))


if __name__ == "__main__":
    try:
        _worker(*sys.argv[1:])
    except (SmisError, MemoryError, RuntimeError) as error:
        message = fixable(error)
        if message is None:
            raise
        print(json.dumps({_REFUSED: message}), flush=True)
        sys.exit(SmisError.exit_code)
