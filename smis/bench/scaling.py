"""One process against several: how much of the speed of N processes is left when they wait for each other."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import torch

from smis.bench.built import known
from smis.bench.training import Case, train
from smis.core.errors import ParamsError
from smis.core.memory import MALLOC_ENVIRONMENT
from smis.training.distributed import distributed_context


def trained(case: Case, *, device: str | None, processes: int, steps: int) -> dict[str, Any]:
    """Train in a process such as a training has; with several also in as many, each with one's batch (weak scaling).

    `efficiency` is images per second of all, over `processes` times those of one.

    Raises:
        ParamsError: if the system has no such preset, or the processes failed; their words go to stderr.
    """
    known(case.system, case.preset)
    found = _started(case, device=device, processes=1, steps=steps)
    if processes == 1:
        return found
    many = _started(case, device=device, processes=processes, steps=steps)
    rate = many["images_per_second"]
    return {**found, "processes": many, "efficiency": rate / processes / found["images_per_second"]}


def _started(case: Case, *, device: str | None, processes: int, steps: int) -> dict[str, Any]:
    words = json.dumps({**asdict(case), "batch": case.batch * processes})
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(torchrun if processes > 1 else []), "-m", "smis.bench.scaling"]
    threads = str(max(1, torch.get_num_threads() // processes))
    environment = {
        **MALLOC_ENVIRONMENT,
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    command += [words, str(steps), device or ""]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ParamsError(f"{processes} process{'es' * (processes > 1)} failed; try a smaller --batch, or fewer")
    return json.loads(done.stdout.splitlines()[-1])


def _worker(words: str, steps: str, device: str) -> None:
    with distributed_context(device or None) as distributed:
        found = train(Case(**json.loads(words)), distributed, steps=int(steps))
        if distributed.is_main:
            print(json.dumps(found))


if __name__ == "__main__":
    _worker(*sys.argv[1:])
