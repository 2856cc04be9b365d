"""The only reader of params.yaml: sections become typed configs.

A stage names its sections as the fields of its `Params` class. The fields `dataset` and `system` stand for
`datasets.NAME` and `systems.NAME`, whose classes are in the registries; every other field is a section of its own name.
"""

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import yaml

from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.files import written
from smis.core.registry import Registry
from smis.datasets.dataset_registry import DATASETS
from smis.models.system_registry import SYSTEMS

PATH = Path("params.yaml")
STAGES = ("prepare", "reference", "segmenter", "train", "sample", "evaluate", "report")
CHECKED = Path(".scratch/params.checked")
"""The digest of the sections and code that were last found valid."""

P = TypeVar("P", bound=Config)


class Axes(Config):
    """The cells of the DAG: every data set with every system."""

    dataset: list[str]
    system: list[str]


def read(kind: type[P], *, dataset: str | None = None, system: str | None = None, path: Path = PATH) -> P:
    """Read the sections of a stage; all mistakes are reported at once.

    Raises:
        ParamsError: with a line per mistake and its path in the file.
    """
    return _typed(kind, read_yaml(path), named={"dataset": dataset, "system": system}, source=path.name)


def check(path: Path = PATH) -> Axes:
    """Validate the sections of every stage for every cell, before hours of training rather than after.

    Raises:
        ParamsError: with a line per mistake and its path in the file.
    """
    raw = read_yaml(path)
    axes = Axes.check(raw.get("axes"), source=path.name, at="axes")
    kinds = {name: import_module(f"pipelines.{name}").Params for name in STAGES}
    mistakes = _unknown(raw, kinds)
    for kind in kinds.values():
        for dataset in axes.dataset:
            for system in axes.system:
                mistakes += _mistakes(kind, raw, {"dataset": dataset, "system": system})
    if mistakes:
        raise ParamsError.of(list(dict.fromkeys(mistakes)), source=path.name)
    return axes


def check_changes(path: Path = PATH, *, checked: Path = CHECKED) -> None:
    """Validate as `check` does, unless the same sections were found valid by the same code: imports take seconds.

    Raises:
        ParamsError: with a line per mistake and its path in the file.
    """
    raw = read_yaml(path)
    digest = _digest(raw, code=Path(__file__).parents[1])
    if not checked.exists() or checked.read_text() != digest:
        check(path)
        with written(checked) as beside:
            beside.write_text(digest)
    _check_raw_data(raw["axes"]["dataset"], path.parent / "raw")


def _check_raw_data(datasets: list[str], folder: Path) -> None:
    """Check that the raw data exists: DVC's own message is lost in `dvc repro --quiet`."""
    for raw in (folder / name for name in datasets):
        tracked = raw.with_name(f"{raw.name}.dvc").exists()
        remedy = f"`dvc pull {raw}` downloads it" if tracked else "put the raw files there, or a link to them"
        if not raw.exists():
            raise ParamsError(f"there is no {raw}, which prepare@{raw.name} depends on; {remedy}")


def _digest(raw: dict[str, Any], *, code: Path) -> str:
    """Hash the sections and every source file that validates them."""
    digest = hashlib.sha256(repr(raw).encode())
    for path in sorted(path for package in ("pipelines", "smis") for path in (code / package).rglob("*.py")):
        digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _unknown(raw: dict[str, Any], kinds: dict[str, type[Config]]) -> list[str]:
    known = {"axes", "datasets", "systems"} | {field for kind in kinds.values() for field in kind.model_fields}
    return [f"{key}: there is no such section" for key in raw if key not in known]


def _mistakes(kind: type[Config], raw: dict[str, Any], named: dict[str, str | None]) -> list[str]:
    try:
        _typed(kind, raw, named=named, source="")
    except ParamsError as error:
        return list(error.mistakes)
    return []


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of the workspace, with its sections.

    Raises:
        ParamsError: if it does not exist, or holds no sections of YAML.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ParamsError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}; run this in the workspace's root"
        ) from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ParamsError(f"{path} holds no sections")
    return raw


def _typed(kind: type[P], raw: dict[str, Any], *, named: dict[str, str | None], source: str) -> P:
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for field in kind.model_fields:
        if field in named:
            try:
                values[field] = _named(field, named[field], raw)
            except ParamsError as error:
                mistakes += error.mistakes or [str(error)]
        elif field in raw:
            values[field] = raw[field]
    try:
        typed = kind.check(values, source=source)
        if not mistakes:
            return typed
    except ParamsError as error:
        missing = {f"{field}: is missing" for field in named}
        mistakes += [line for line in error.mistakes if line not in missing]
    raise ParamsError.of(mistakes, source=source)


def _named(field: str, name: str | None, raw: dict[str, Any]) -> Config:
    registry: Registry = {"dataset": DATASETS, "system": SYSTEMS}[field]
    sections = raw.get(f"{field}s") or {}
    if name is None or name not in sections:
        raise ParamsError(f"{field}s.{name}: there is no such section; there are: {', '.join(sections) or 'none'}")
    return registry.load(name).check(sections[name], source="", at=f"{field}s.{name}")


if __name__ == "__main__":
    from pipelines.stage import run

    run(check_changes)
