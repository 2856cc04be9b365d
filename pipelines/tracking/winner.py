"""A sweep's best trial as a registered model: found on this machine, registered when it is new."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.tracking import facts
from pipelines.tracking.cell import Cell, digest
from pipelines.tracking.registry import ALIAS, Entry, Registry

if TYPE_CHECKING:
    from mlflow.entities import Run

_ABOUT = """The best trial of sweep {sweep}; `best` follows when another one wins.

    model = mlflow.pyfunc.load_model("models:/{model}@best")
    pictures = model.predict(maps, params={{"seed": 3, "samples": 2}})

`maps`: uint16, (maps, height, width, 1), class ids; a second channel, if there is one, holds instance ids.
`pictures`: uint8, (maps x samples, height, width, 3).
"""
_TAGS = ("smis.dataset", "smis.system", "smis.sweep", "smis.trial", "smis.checkpoint", "smis.commit", "smis.dirty")


@dataclass(frozen=True)
class Winner:
    """The run of the best trial's first seed; what the setting gives on the mean is not the luck of one seed."""

    sweep: str
    run: "Run"
    told: str
    """The setting and what was measured."""

    @property
    def model(self) -> str:
        """Its name in the registry."""
        return f"smis-{self.sweep}"

    def register(self, uri: str, workspaces: Sequence[Path]) -> str | None:
        """Register it if it is new, from the first workspace that has its checkpoint; return how it is loaded.

        Returns None if none of the workspaces has it.
        """
        registry, checkpoint = Registry(uri), self.run.data.tags["smis.checkpoint"]
        version = registry.known(self.model, checkpoint)
        if version is None:
            cell = Cell.named(self.run.data.tags["smis.cell"])
            there = [one for one in workspaces if _has(one / cell.checkpoint, checkpoint)]
            if not there:
                return None
            about = _ABOUT.format(sweep=self.sweep, model=self.model)
            version = registry.add(self.model, self._entry(there[0], cell), run=self.run, about=about)
        registry.point(self.model, version)
        return f"models:/{self.model}@{ALIAS}"

    def _entry(self, workspace: Path, cell: Cell) -> Entry:
        own = {name: self.run.data.tags[name] for name in _TAGS if name in self.run.data.tags}
        return Entry(
            checkpoint=workspace / cell.checkpoint,
            code=workspace / "smis",
            example=_example(workspace / "data" / cell.dataset),
            description=self.told,
            tags=own | _lineage(workspace, cell),
        )


def _has(path: Path, checkpoint: str) -> bool:
    return path.exists() and digest([path]) == checkpoint


def _lineage(workspace: Path, cell: Cell) -> dict[str, str]:
    """Return DVC's hashes: with them, `dvc` finds data and weights in every cache and remote."""
    outs = {"smis.dvc.data": Path("data", cell.dataset), "smis.dvc.checkpoint": cell.checkpoint}
    found = {name: facts.out_hash(out, workspace=workspace) for name, out in outs.items()}
    return {name: known for name, known in found.items() if known is not None}


def _example(data: Path) -> np.ndarray[Any, Any]:
    """Return the first test label map with its instances, as `model.py` takes them."""
    from smis.data.shards import Prepared

    first = Prepared(data).split("test")[0]
    return np.stack([first.labels, first.instances], axis=-1, dtype=np.uint16, casting="unsafe")[None]
