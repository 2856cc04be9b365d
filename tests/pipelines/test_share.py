"""A machine's share of a data set: chunks as files, which `prepare` takes as if it had made them itself."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from pipelines.prepare import main
from pipelines.prepare.share import make, plan
from smis.core.errors import DataError, ParamsError
from tests.photographs import lay_out

SECTION = {"stride": 10, "tile": 80}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a workspace with photographs."""
    monkeypatch.setenv("SMIS_WORKERS", "1")
    monkeypatch.setenv("SMIS_KEEP", "0")
    monkeypatch.chdir(tmp_path)
    write(lay_out(tmp_path / "raw" / "folder") | SECTION)
    return tmp_path


def write(section: dict[str, Any], **prepare: Any) -> None:
    params = {"prepare": {"shard_mib": 2} | prepare, "datasets": {"folder": section}}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def planned() -> dict[str, Any]:
    plan("folder")
    return json.loads(Path(".scratch/plan-folder.json").read_text())


def digest(names: list[str]) -> str:
    """As a flow takes it."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def share(first: int, stop: int) -> list[Path]:
    """Make chunks and bring them to where `prepare` looks; return them."""
    told = planned()
    make("folder", first, stop, digest=digest(told["names"][first:stop]))
    folder = Path(told["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    made = [Path(".scratch/share-folder", name) for name in told["names"][first:stop]]
    return [path.rename(folder / path.name) for path in made]


def prepared(place: Path) -> dict[str, bytes]:
    main("folder")
    return {path.name: path.read_bytes() for path in (place / "data" / "folder").iterdir()}


def test_the_bytes_do_not_say_who_made_which_chunk(place: Path) -> None:
    alone = prepared(place)
    chunks = share(1, len(planned()["names"]))
    assert prepared(place) == alone
    assert not any(path.exists() for path in chunks)


@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_shards_whose_ends_depend_on_the_pictures_are_the_same(place: Path, encoding: str) -> None:
    write(yaml.safe_load(Path("params.yaml").read_text())["datasets"]["folder"], encoding=encoding)
    alone = prepared(place)
    share(0, 6)
    assert prepared(place) == alone


def test_a_damaged_chunk_is_made_anew(place: Path) -> None:
    alone = prepared(place)
    first, second = share(0, 2)
    damaged = bytearray(first.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    first.write_bytes(damaged)
    second.write_bytes(b"half")
    assert prepared(place) == alone


def test_what_does_not_fit_is_told_whoever_has_read_it(place: Path) -> None:
    path = place / "raw" / "folder" / "labels" / "arc2017-train.png"
    with Image.open(path) as labels:
        high = labels.point(lambda identity: 200)
    high.save(path)
    share(0, 2)
    with pytest.raises(DataError, match=r"labels of .*arc2017-train\.png run from 200 to 200"):
        main("folder")


@pytest.mark.parametrize("what", ["parameters", "files"])
def test_a_machine_with_something_else_makes_nothing(place: Path, what: str) -> None:
    told = planned()
    if what == "files":
        Image.new("RGB", (300, 300)).save(place / "raw" / "folder" / "images" / "arc2017-train.png")
    else:
        write(yaml.safe_load(Path("params.yaml").read_text())["datasets"]["folder"] | {"size": [32, 32]})
    with pytest.raises(ParamsError, match="not what the asking machine has: other code, parameters or raw files"):
        make("folder", 0, 2, digest=digest(told["names"][:2]))


def test_another_root_with_the_same_files_is_the_same_data_set(place: Path) -> None:
    told = planned()
    (place / "raw" / "folder").rename(place / "mounted")
    write(yaml.safe_load(Path("params.yaml").read_text())["datasets"]["folder"] | {"root": "mounted"})
    assert planned()["names"] == told["names"]
