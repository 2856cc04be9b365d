"""Check zoo/NAME.yaml before hours of training; afterwards fill its card with figures, and add the model."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import yaml
from PIL import Image
from pydantic import Field

from pipelines import params
from pipelines.cell import Cell
from pipelines.params import CellName, CellSeed, read_yaml
from smis.core.config import Config, merged
from smis.core.errors import DataError, ParamsError, shown
from smis.core.history import read_history
from smis.data.shards import Prepared
from smis.sampling.sampler import covering
from smis.zoo.card import Card
from smis.zoo.collection import add_model

RECIPES = Path("zoo")
WORKSPACES = Path(".scratch/zoo")
COMMIT = "commit"
_REMEDY = "`make zoo MODEL=NAME`"
_SECTIONS = ("train", "validation")


class ModelRecipe(Config):
    """A file zoo/NAME.yaml."""

    dataset: CellName
    system: CellName
    seed: CellSeed = 0
    params: dict[str, Any] = {}
    """Merged into params.yaml."""
    labels: Annotated[int, Field(ge=0, le=16)] = 4
    """Label maps of the test split that come with the model."""
    card: Card

    @property
    def cell(self) -> Cell:
        """The cell that the model is."""
        return Cell(self.dataset, self.system, self.seed)


def main(command: str, name: str) -> None:
    """Run `check` or `add`."""
    commands = {"check": check, "add": add}
    if command not in commands:
        raise ParamsError(f"the command is {shown(command)}; give one of: {', '.join(commands)}")
    commands[command](name)


def read_recipe(name: str) -> ModelRecipe:
    """Read zoo/NAME.yaml.

    Raises:
        ParamsError: with a line per mistake.
    """
    path = RECIPES / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(each.stem for each in RECIPES.glob("*.yaml"))) or "none"
        raise ParamsError(f"there is no {path}; there are: {names}")
    return ModelRecipe.check(read_yaml(path), source=str(path))


def check(name: str) -> None:
    """Check zoo/NAME.yaml, and params.yaml as it is with its parameters.

    Raises:
        ParamsError: with a line per mistake.
    """
    recipe = read_recipe(name)
    axes = {"dataset": [recipe.dataset], "system": [recipe.system], "seed": [recipe.seed]}
    sections = merged(read_yaml(params.PATH), recipe.params | {"axes": axes})
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(yaml.safe_dump(sections), encoding="utf-8")
        params.check(path)


def add(name: str) -> None:
    """Add the model that was trained in its workspace to the zoo of this package."""
    recipe, folder = read_recipe(name), WORKSPACES / name
    card = fill(recipe, folder, command=f"make zoo MODEL={name}")
    with TemporaryDirectory() as labels:
        chosen = _write_label_maps(Path(labels), Prepared(folder / "data" / recipe.dataset), count=recipe.labels)
        added = add_model(folder / recipe.cell.checkpoint, card, name=name, labels=Path(labels) if chosen else None)
    difference = f"pixels differ from float32 by at most {added.difference} of 255 levels"
    print(f"{added.folder}: {added.bytes / 2**20:.1f} MiB, {chosen} label maps; {difference}")


def fill(recipe: ModelRecipe, workspace: Path, *, command: str) -> Card:
    """Return the recipe's card with what the workspace knows; what the recipe says itself stays.

    Raises:
        DataError: if the model is not measured yet, or its metrics are not those of its last evaluation.
        ParamsError: if dvc.lock or params.yaml cannot be read.
    """
    dataset, system, cell = recipe.dataset, recipe.system, recipe.cell
    hashes = _read_hashes(workspace / "dvc.lock", cell.stage("evaluate"))
    metrics = _read_metrics(workspace, str(cell.metrics), hashes)
    sections = read_yaml(workspace / params.PATH)
    rows = read_history(workspace / cell.history)
    commit = workspace / COMMIT
    training = {
        "commit": commit.read_text(encoding="utf-8").strip() if commit.exists() else None,
        "command": command,
        "hours": _hours(rows, sections["train"].get("batch")),
        "machine": next(
            (each["protocol"]["device"] for each in metrics.values() if "device" in each["protocol"]), None
        ),
        "params": {"seed": recipe.seed}
        | {key: sections[key] for key in _SECTIONS if key in sections}
        | {key: {name: sections[key][name]} for key, name in (("datasets", dataset), ("systems", system))},
    }
    data = {
        "md5": hashes.get(f"data/{dataset}"),
        "images": len(Prepared(workspace / "data" / dataset).split("train")),
    }
    own = recipe.card.model_dump(exclude_unset=True)
    filled = {"training": training | own.get("training", {}), "data": data | own["data"], "metrics": metrics}
    return Card.check(filled | {key: value for key, value in own.items() if key not in filled}, source="the card")


def _read_hashes(lock: Path, stage: str) -> dict[str, str]:
    """Return the MD5 of everything that a stage read and wrote when it ran last, by path."""
    recorded = (read_yaml(lock).get("stages") or {}).get(stage)
    if recorded is None:
        raise DataError(f"{lock} has no {stage}; train and measure the model first ({_REMEDY})")
    return {each["path"]: each["md5"] for each in [*recorded["deps"], *recorded["outs"]]}


def _read_metrics(workspace: Path, path: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Read the metrics of the last evaluation: git may have put those of another training in their place."""
    content = (workspace / path).read_bytes() if (workspace / path).exists() else b""
    if hashlib.md5(content).hexdigest() != hashes.get(path):
        raise DataError(f"{workspace / path} is not what dvc.lock has; measure the model again ({_REMEDY})")
    return json.loads(content)


def _hours(rows: Iterable[dict[str, float]], batch: int | None) -> float | None:
    """Return the time in training steps, from the speeds that they were logged with."""
    seconds, before = 0.0, 0.0
    for row in rows:
        if batch is None or not row.get("images_per_second"):
            return None
        seconds += (row["step"] - before) * batch / row["images_per_second"]
        before = row["step"]
    return round(seconds / 3600, 4) or None


def _write_label_maps(folder: Path, data: Prepared, *, count: int) -> int:
    """Write label maps of the test split that together show every class; return how many."""
    split = data.split("test")
    chosen = covering([counts.nonzero()[0].tolist() for counts in split.pixels], count)
    for number, index in enumerate(chosen):
        Image.fromarray(split[index].labels.astype(np.uint16)).save(folder / f"{number}.png")
    return len(chosen)
