"""The only reader of params.yaml: sections become typed configs.

A stage names its sections as the fields of its `Params` class. The fields `dataset` and `system` stand for
`datasets.NAME` and `systems.NAME`, whose classes are in the registries, and `seed` for the seed of the cell; every
other field is a section of its own name.
"""

import hashlib
import os
import stat
from configparser import ConfigParser
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, field_validator
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from pipelines.cell import Cell
from pipelines.stage import NAME
from smis.core.checkpoint_path import resolve_checkpoint
from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.files import written
from smis.core.numbers import MOST_SEED
from smis.core.registry import Registry
from smis.datasets.dataset_registry import DATASETS
from smis.models.system_registry import SYSTEMS

PATH = Path("params.yaml")
STAGES = ("prepare", "reference", "segmenter", "train", "sample", "evaluate", "report")
DRAWN = "smis/nn/initialize.py"
"""As `train.init_from`: the first weights are drawn. A dependency in dvc.yaml must name a file that exists."""
CHECKED = Path(".scratch/params.checked")
"""The digest of the sections and code that were last found valid."""

_MAX_BYTES, _MAX_DEPTH, _MAX_DIGITS, _MAX_FROM_ALIASES = 2**24, 50, 100, 10_000
"""Of a file of YAML; 2**24 bytes are more than a dvc.lock of every system with every data set."""

_RENAMED = {"seed": "was renamed; it is called axes.seed now, a list such as [0]"}
"""Sections that have been renamed; the table can be removed in December 2027."""
_MAX_WEIGHTS = 2**34
"""64 GiB in single precision."""

P = TypeVar("P", bound=Config)
CellName = Annotated[str, Field(pattern=NAME, max_length=100)]
CellSeed = Annotated[int, Field(strict=True, ge=0, le=MOST_SEED)]


class Axes(Config):
    """The cells of the DAG: every data set with every system and every seed."""

    dataset: Annotated[list[CellName], Field(min_length=1)]
    system: Annotated[list[CellName], Field(min_length=1)]
    seed: Annotated[list[CellSeed], Field(min_length=1)]

    @field_validator("dataset", "system", "seed")
    @classmethod
    def _values_differ(cls, values: list[Any]) -> list[Any]:
        if twice := [str(value) for value in dict.fromkeys(values) if values.count(value) > 1]:
            raise ValueError(f"names {', '.join(twice)} twice; once is enough")
        return values

    def cells(self) -> list[Cell]:
        """Return every cell, seed by seed of each system of each data set."""
        return [Cell(*coordinates) for coordinates in product(self.dataset, self.system, self.seed)]


def read(
    kind: type[P], *, dataset: str | None = None, system: str | None = None, seed: int = 0, path: Path = PATH
) -> P:
    """Read the sections of a stage; all mistakes are reported at once.

    Raises:
        ParamsError: with a line per mistake and its path in the file.
    """
    return _typed(kind, read_yaml(path), named={"dataset": dataset, "system": system}, seed=seed, source=path.name)


def check(path: Path = PATH) -> Axes:
    """Validate the sections of every stage for every cell, before hours of training rather than after.

    Raises:
        ParamsError: with a line per mistake and its path in the file.
    """
    raw = read_yaml(path)
    axes = _axes(raw, source=path.name)
    kinds = {name: import_module(f"pipelines.{name}").Params for name in STAGES}
    mistakes = _unknown(raw, kinds)
    for kind in kinds.values():
        for dataset in axes.dataset:
            for system in axes.system:
                mistakes += _mistakes(kind, raw, {"dataset": dataset, "system": system})
    mistakes = mistakes or _unbuildable(raw, axes, _typed(kinds["segmenter"], raw, named={}, source="").segmenter)
    if mistakes:
        raise ParamsError.of(list(dict.fromkeys(mistakes)), source=path.name)
    return axes


def check_changes(path: Path = PATH, *, checked: Path = CHECKED) -> None:
    """Validate as `check` does, unless the same sections were found valid by the same code: imports take seconds.

    Raises:
        ParamsError: with a line per mistake and its path in the file.
    """
    _check_git(path.parent)
    raw = read_yaml(path)
    digest = _digest(raw, code=Path(__file__).parents[1])
    if not checked.exists() or checked.read_text(encoding="utf-8") != digest:
        check(path)
        with written(checked) as beside:
            beside.write_text(digest, encoding="utf-8")
    _check_raw_data(raw["axes"]["dataset"], path.parent / "raw")
    _check_init_from((raw.get("train") or {}).get("init_from"), path.parent)


def _check_git(root: Path) -> None:
    """Check that DVC will find git, or need none: what it says otherwise is lost in `dvc repro --quiet`."""
    config = ConfigParser(strict=False, interpolation=None)
    config.read([root / ".dvc/config", root / ".dvc/config.local"])
    in_git = any((folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents))
    if (root / ".dvc").is_dir() and not in_git and config.get("core", "no_scm", fallback="").lower() != "true":
        raise ParamsError(
            f"{root.resolve()} is in no git repository, which DVC looks for; run `git init`, "
            "or `dvc config --local core.no_scm true` to work without git"
        )


def _check_raw_data(datasets: list[str], folder: Path) -> None:
    """Check that the raw data exists: DVC's own message is lost in `dvc repro --quiet`."""
    for raw in (folder / name for name in datasets):
        tracked = raw.with_name(f"{raw.name}.dvc").exists()
        remedy = f"`dvc pull {raw}` downloads it" if tracked else "put the raw files there, or a link to them"
        if not raw.exists():
            raise ParamsError(f"there is no {raw}, which prepare@{raw.name} depends on; {remedy}")


def _check_init_from(named: Any, root: Path) -> None:
    """Check that there is the file on which `train` depends in dvc.yaml: DVC's own message is lost, too."""
    dag = root / "dvc.yaml"
    if not dag.exists() or "${train.init_from}" not in dag.read_text(encoding="utf-8"):
        return
    what = f"{PATH}: train.init_from is {'missing' if named is None else repr(named)}"
    remedy = f"name a checkpoint, or {DRAWN}, which draws the first weights"
    if not isinstance(named, str):
        raise ParamsError(f"{what}; {remedy}")
    if named.startswith("zoo:"):
        path = Path(os.path.relpath(resolve_checkpoint(named), root.resolve())).parent
        raise ParamsError(f"{what}, but DVC can only depend on a file or folder; write {path}")
    if not (root / named).exists():
        raise ParamsError(f"{what}, but there is nothing of that name; {remedy}")


def _digest(raw: dict[str, Any], *, code: Path) -> str:
    """Hash the sections and every source file that validates them."""
    digest = hashlib.sha256(repr(raw).encode())
    for path in sorted(path for package in ("pipelines", "smis") for path in (code / package).rglob("*.py")):
        digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _axes(raw: dict[str, Any], *, source: str) -> Axes:
    """Return the axes; a file of before there was an axis of seeds is told where its seed belongs."""
    try:
        return Axes.check(raw.get("axes"), source=source, at="axes")
    except ParamsError as error:
        renamed = [f"{key}: {told}" for key, told in _RENAMED.items() if key in raw]
        raise ParamsError.of([*renamed, *error.mistakes], source=source) from None


def _unknown(raw: dict[str, Any], kinds: dict[str, type[Config]]) -> list[str]:
    fields = {field for kind in kinds.values() for field in kind.model_fields} - {"dataset", "system", "seed"}
    unknown = [key for key in raw if key not in {"axes", "datasets", "systems"} | fields]
    return [f"{key}: {_RENAMED.get(key, 'there is no such section')}" for key in unknown]


def _mistakes(kind: type[Config], raw: dict[str, Any], named: dict[str, str | None]) -> list[str]:
    try:
        _typed(kind, raw, named=named, source="")
    except ParamsError as error:
        return list(error.mistakes)
    return []


def _unbuildable(raw: dict[str, Any], axes: Axes, segmenter: Any) -> list[str]:
    """Build every system for the images of every data set, without memory for weights; return what does not fit."""
    mistakes: list[str] = []
    for dataset in axes.dataset:
        shape = _image_shape(_named("dataset", dataset, raw))
        if shape is None:
            continue
        builds = {f"systems.{system}": partial(_build, _named("system", system, raw), shape) for system in axes.system}
        if segmenter.network == "trained":
            builds["segmenter"] = partial(segmenter.check_size, shape["height"], shape["width"])
        for name, build in builds.items():
            try:
                build()
            except NotImplementedError:  # a system of one's own that cannot be built without memory
                continue
            except (ParamsError, RuntimeError, OverflowError) as error:  # torch's, of sizes that overflow
                mistakes.append(f"datasets.{dataset} with {name}: {str(error).splitlines()[0]}")
    return mistakes


def _build(config: Any, shape: dict[str, int]) -> None:
    import torch

    with torch.device("meta"):
        system = config.build(**shape, training=False)
    count = sum(tensor.numel() for tensor in system.parameters())
    if count > _MAX_WEIGHTS:
        remedy = "make its `width`, `multiples` or other sizes smaller"
        raise ParamsError(f"it has {count:.3g} parameters, more than {_MAX_WEIGHTS:.3g}; {remedy}")


def _image_shape(config: Any) -> dict[str, int] | None:
    """Return the classes, height and width of a data set's images as far as they are known without its files."""
    size = getattr(config, "size", None)
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    if not hasattr(config, "root"):
        classes = config.build().classes
    elif hasattr(config, "class_table"):
        classes = config.class_table.names
    else:
        classes = config.classes or [""]  # in a file beside the images; one class fits every system
    return {"classes": len(classes), "height": height, "width": width}


class YamlLoader(yaml.SafeLoader):
    """Refuses what YAML allows and no file here needs: a key twice, deep nesting, aliases that grow, huge numbers."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = self._from_aliases = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, and count the nodes that it stands for."""
        event, before = self.peek_event(), self._nodes
        mark: Any = event.start_mark
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ComposerError(None, None, f"it is nested more than {_MAX_DEPTH} deep", mark)
        node = super().compose_node(parent, index)
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            self._from_aliases += self._sizes.get(id(node), _MAX_FROM_ALIASES + 1)  # unknown: it is inside itself
            self._nodes += self._sizes.get(id(node), 0)
        else:
            self._sizes[id(node)] = self._nodes - before
        if self._from_aliases > _MAX_FROM_ALIASES:
            what = f"the alias *{event.anchor} is inside itself, or stands for too much"
            raise ComposerError(None, None, f"{what}; write its values out", mark)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping whose keys differ."""
        node, keys = super().compose_mapping_node(anchor), set[tuple[str, str]]()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in keys:
                raise ComposerError(None, None, f"the key {key.value!r} is there twice; keep one", key.start_mark)
            keys.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct a value; an impossible date or number is an error of YAML."""
        if node.tag.endswith((":int", ":float")) and len(node.value) > _MAX_DIGITS:
            what = f"the number {node.value[:12]}... has more than {_MAX_DIGITS} digits"
            raise ConstructorError(None, None, what, node.start_mark)
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            what = f"{str(node.value)[:40]!r} is no {node.tag.rpartition(':')[2]} ({error}); put text in quotes"
            raise ConstructorError(None, None, what, node.start_mark) from None


def read_yaml(path: Path, *, loader: type[YamlLoader] = YamlLoader) -> dict[str, Any]:
    """Read a file of the workspace, with its sections.

    Raises:
        ParamsError: if it is no file, holds no sections of YAML, or something that the loader refuses.
    """
    try:
        raw = loader(_read_text(path)).get_single_data()
    except OSError as error:
        raise ParamsError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}; run this in the workspace's root"
        ) from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ParamsError(f"{path} holds no sections")
    return raw


def _read_text(path: Path) -> str:
    if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
        raise ParamsError(f"{path} is no regular file, but a pipe or device; put a text file in its place")
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ParamsError(f"{path} has more than {_MAX_BYTES // 2**20} MiB; is it the right file?")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _typed(kind: type[P], raw: dict[str, Any], *, named: dict[str, str | None], source: str, seed: int = 0) -> P:
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for field in kind.model_fields:
        if field in named:
            try:
                values[field] = _named(field, named[field], raw)
            except ParamsError as error:
                mistakes += error.mistakes or [str(error)]
        elif field == "seed":
            values[field] = seed
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
    if not isinstance(sections, dict):
        raise ParamsError(f"{field}s: Input should be a section for each {field} (it is a {type(sections).__name__})")
    if name is None or name not in sections:
        raise ParamsError(f"{field}s.{name}: there is no such section; there are: {', '.join(sections) or 'none'}")
    return registry.load(name).check(sections[name], source="", at=f"{field}s.{name}")


if __name__ == "__main__":
    from pipelines.stage import run

    run(check_changes)
