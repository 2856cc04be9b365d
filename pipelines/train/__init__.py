"""Train a system on a data set: this process starts `torchrun`, whose processes train.

Repeat the command after anything (kill -9, a full disk, a power cut): it goes on from the last saved state. When a
process is lost, that happens by itself, `$SMIS_RESTARTS` times (default 3); a SIGTERM saves first. `$SMIS_PROCESSES`
(default 1) and `$SMIS_DEVICE` (default: CUDA where there is one) are no parameters: the global batch decides what is
learned. Under a `torchrun` of your own (several machines), this process is one of the workers.
"""

import os

from pipelines.params import read
from pipelines.train.cell import Cell
from pipelines.train.config import Params
from smis.training.distributed import joined, launched
from smis.training.launch import processes_wanted, reported, under_torchrun


def main(dataset: str, system: str) -> None:
    """Train one cell of the table."""
    params = read(Params, system=system)
    if not launched():
        processes = processes_wanted(os.environ.get("SMIS_PROCESSES", "1"), batch=params.train.batch)
        under_torchrun("pipelines.train", dataset, system, processes=processes)
        return
    with reported(), joined(os.environ.get("SMIS_DEVICE")) as processes:
        Cell(dataset, system, params, processes).train()
