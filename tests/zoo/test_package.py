"""The models that come with the package, and the wheel that brings them."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from smis.core.checkpoint_path import ZOO, zoo_names
from smis.core.images import read_ids
from smis.models.system_registry import SYSTEMS
from smis.training.export import read_checkpoint
from smis.zoo import readme

ROOT = Path(__file__).parents[2]
MB = 10**6
MOST, MOST_TOGETHER, MOST_OF_WHEEL = 4 * MB, 20 * MB, 25 * MB
"""A model that is larger belongs on a hub: `smis zoo add --out FOLDER` writes it elsewhere."""


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_no_model_is_large_and_all_together_are_not() -> None:
    sizes = {name: _bytes(ZOO / name) for name in zoo_names()}
    assert {name: size for name, size in sizes.items() if size > MOST} == {}
    assert sum(sizes.values()) <= MOST_TOGETHER


def test_every_model_is_a_checkpoint_with_a_card_and_label_maps_of_its_classes() -> None:
    for name in zoo_names():
        checkpoint = read_checkpoint(Path(f"zoo:{name}"), SYSTEMS)
        assert readme.metrics_of(readme.read(ZOO / name / readme.FILE)[0]), name
        data: Any = ModelCard.load(ZOO / name / readme.FILE).data
        assert data.license, name
        for path in (ZOO / name).glob("labels/*"):
            assert read_ids(path, title=str(path)).max() < len(checkpoint.description.classes)


def test_a_folder_of_the_zoo_is_a_model_with_nothing_but_its_files() -> None:
    files = {path.relative_to(ZOO) for path in ZOO.rglob("*") if path.is_file()}
    names = {"checkpoint.safetensors", readme.FILE}
    strange = {
        path for path in files if path.parts[1:] not in {(name,) for name in names} and path.parts[1] != "labels"
    }
    assert strange == set()
    assert {path.parts[0] for path in files} == set(zoo_names())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """A wheel of the package with one model more."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "smis", source / "smis", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(folder / "inade-paperdoll", source / "smis" / "zoo" / "models" / "tiny")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(source / "dist")]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = (source / "dist").glob("*.whl")
    return path


def test_the_wheel_has_every_file_of_the_zoo_and_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = {f"smis/zoo/models/{path.relative_to(ZOO)}" for path in ZOO.rglob("*") if path.is_file()}
    tiny = {f"smis/zoo/models/tiny/{name}" for name in ("README.md", "checkpoint.safetensors", "labels/bars.png")}
    assert ours | tiny <= names
    assert wheel.stat().st_size < MOST_OF_WHEEL
