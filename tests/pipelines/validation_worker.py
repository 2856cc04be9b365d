"""`python validation_worker.py FILE` in a workspace, alone or under torchrun: measure an untrained system."""

import json
import sys
from pathlib import Path

import torch

from pipelines.params import read
from pipelines.train.run import Params, ValidationMetrics
from smis.data.shards import Prepared
from smis.training.distributed import distributed_context


def main(path: Path) -> None:
    torch.set_num_threads(1)
    params = read(Params, system="groupdnet")
    data = Prepared(Path("data/paperdoll"))
    torch.manual_seed(0)
    size = {"classes": len(data.classes), "height": data.height, "width": data.width}
    system = params.system.build(**size, training=False).eval()  # pyright: ignore[reportAttributeAccessIssue]
    with distributed_context("cpu") as distributed:
        metrics = ValidationMetrics(params.validation, data.split("validation"), system, distributed, seed=0)()
        path.with_suffix(f".{distributed.rank}.json").write_text(json.dumps(metrics))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
