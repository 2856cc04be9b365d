"""A data set that many machines prepare: which chunks there are, and a machine's share of them.

A chunk is named by what it is made of, so that no machine's work is taken for what it is not.
"""

import json
import shutil
from collections.abc import Sequence

from pipelines.prepare import SCRATCH, Opened, opened
from pipelines.prepare.encoding import PRELOAD, Chunk, divided, encoded
from pipelines.prepare.identity import joined, of_chunk, of_making
from pipelines.stage import end_with_parent
from smis.core.errors import ParamsError
from smis.core.files import written
from smis.data.chunks import ENDING
from smis.datasets.io.workers import in_order

MADE = "made "
"""What a line begins with that names a finished file."""


def plan(dataset: str) -> None:
    """Write .scratch/plan-DATASET.json: the folder where finished chunks are looked for, and their names."""
    data = opened(dataset)
    names = _names(data, divided(data.reader))
    with written(SCRATCH / f"plan-{dataset}.json") as beside:
        beside.write_text(json.dumps({"folder": str(data.chunks), "names": [name + ENDING for name in names]}))


def make(dataset: str, first: int, stop: int, *, digest: str) -> None:
    """Make chunks `first` to `stop` (excluded), each a file, and say so; `digest` is that of their names in the plan.

    Raises:
        ParamsError: if this machine would make others.
    """
    data = opened(dataset)
    mine = divided(data.reader)[first:stop]
    names = _names(data, mine)
    if joined(name + ENDING for name in names) != digest:
        raise ParamsError(
            f"here {dataset} is not what the asking machine has: other code, parameters or raw files; "
            "bring them to the same state, for example with git pull and dvc pull"
        )
    folder = SCRATCH / f"share-{dataset}"
    shutil.rmtree(folder, ignore_errors=True)
    for name, found in zip(names, _all_encoded(data, mine), strict=True):
        found.save(folder / f"{name}{ENDING}")
        print(f"{MADE}{folder / name}{ENDING}", flush=True)


def _names(data: Opened, chunks: Sequence[Chunk]) -> list[str]:
    making = of_making(data.reader, data.header)
    return [of_chunk(data.reader, making, chunk) for chunk in chunks]


def _all_encoded(data: Opened, chunks: Sequence[Chunk]):
    return in_order(encoded, (data.reader, data.header), chunks, preload=PRELOAD, begin=end_with_parent)
