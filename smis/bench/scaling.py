"""One process against several: how much of the speed of N processes is left when they wait for each other."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from smis.bench.training import Case, train
from smis.core.errors import ParamsError
from smis.engine.distributed import joined


def trained(case: Case, *, device: str | None, processes: int, steps: int) -> dict[str, Any]:
    """Train here; with several processes also under torchrun, each with the batch that one alone has (weak scaling).

    `efficiency` is images per second of all, over `processes` times those of one.

    Raises:
        ParamsError: if the processes failed; their words go to stderr.
    """
    with joined(device) as alone:
        found = train(case, alone, steps=steps)
    if processes == 1:
        return found
    many = _under_torchrun(case, device=device, processes=processes, steps=steps)
    rate = many["images_per_second"]
    return {**found, "processes": many, "efficiency": rate / processes / found["images_per_second"]}


def _under_torchrun(case: Case, *, device: str | None, processes: int, steps: int) -> dict[str, Any]:
    words = json.dumps({**asdict(case), "batch": case.batch * processes})
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    threads = os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    command += ["-m", "smis.bench.scaling", words, str(steps), device or ""]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ParamsError(f"{processes} processes failed; try fewer with --processes, or a smaller --batch")
    return json.loads(done.stdout.splitlines()[-1])


def _worker(words: str, steps: str, device: str) -> None:
    with joined(device or None) as processes:
        found = train(Case(**json.loads(words)), processes, steps=int(steps))
        if processes.first:
            print(json.dumps(found))


if __name__ == "__main__":
    _worker(*sys.argv[1:])
