"""Files that are added to a data set which was prepared: only they are read, and the bytes are those of a new start."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.prepare import prepare
from smis.data.shards import Prepared
from smis.data.writer import PrepareConfig
from smis.datasets.folder import Config
from smis.datasets.folder.reader import Reader
from tests.datasets import releases

PICTURES = 300
TO_KNOW_THE_SIZE = 1
"""The first picture is read in any case."""


def add(root: Path, name: str, number: int) -> None:
    releases.save(root / "images" / f"{name}.jpg", releases.photograph(number, height=40, width=40))
    releases.save(root / "labels" / f"{name}.png", releases.blocks(number, [0, 1, 2], height=40, width=40))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        add(root, f"p{number:04d}", number)
    return root


@pytest.fixture
def root(pictures: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictures, tmp_path / "raw"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of all samples that are read, as they are."""
    monkeypatch.setenv("SMIS_WORKERS", "1")
    names: list[str] = []
    read = Reader.read

    def noted(self: Reader, split: str, index: int, /) -> Any:
        names.append(self.key(split, index))
        return read(self, split, index)

    monkeypatch.setattr(Reader, "read", noted)
    return names


def write(root: Path, place: Path, **config: Any) -> Path:
    """Prepare it as a stage does whose out DVC has removed; return the data set."""
    path = place / "data" / "folder"
    shutil.rmtree(path, ignore_errors=True)
    section = Config(root=str(root), classes=["a", "b", "c"], size=(32, 32), validation=0.1, test=0.1)
    prepare(section.build(), path, config=PrepareConfig(shard_mib=1, **config), scratch=place / ".scratch")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("encoding", ["raw", "png", "jpeg"])
def test_an_added_picture_is_the_only_one_that_is_read(
    root: Path, tmp_path: Path, reads: list[str], encoding: str
) -> None:
    write(root, tmp_path, encoding=encoding)
    add(root, "p0100-added-in-the-middle", 7)
    reads.clear()
    again = contents(write(root, tmp_path, encoding=encoding))
    moved = 2  # a share of the pictures is another number now, so that one or two are in another split
    assert len(reads) <= TO_KNOW_THE_SIZE + 1 + moved
    assert "p0100-added-in-the-middle" in reads
    assert again == contents(write(root, tmp_path / "anew", encoding=encoding))


def test_a_picture_that_changed_is_read_again_and_one_that_went_is_gone(
    root: Path, tmp_path: Path, reads: list[str]
) -> None:
    write(root, tmp_path)
    releases.save(root / "labels" / "p0005.png", releases.blocks(99, [0, 1], height=40, width=40))
    for kind, ending in (("images", "jpg"), ("labels", "png")):
        (root / kind / f"p0200.{ending}").unlink()
    reads.clear()
    again = write(root, tmp_path)
    assert "p0005" in reads
    assert len(reads) <= TO_KNOW_THE_SIZE + 1 + 2
    assert "p0200" not in {key for split in Prepared(again).splits for key in Prepared(again).split(split).keys}
    assert contents(again) == contents(write(root, tmp_path / "anew"))


def test_a_file_that_says_it_is_older_is_read_again(root: Path, tmp_path: Path, reads: list[str]) -> None:
    write(root, tmp_path)
    path = root / "images" / "p0007.jpg"
    Image.fromarray(np.asarray(Image.open(path))[::-1]).save(path, quality=95)
    os.utime(path, (0, 0))
    reads.clear()
    assert contents(write(root, tmp_path)) == contents(write(root, tmp_path / "anew"))
    assert "p0007" in reads[: TO_KNOW_THE_SIZE + 1]


def test_what_is_kept_is_what_was_prepared_and_no_copy(root: Path, tmp_path: Path, reads: list[str]) -> None:
    path = write(root, tmp_path)
    (kept,) = (tmp_path / ".scratch").glob("kept-folder-*")
    shards = sorted(path.glob("*.arrow"))
    assert len(shards) > 1
    assert all((kept / shard.name).samefile(shard) for shard in shards)


def test_nothing_is_kept_where_nobody_wants_it(
    root: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_KEEP", "0")
    write(root, tmp_path)
    assert list((tmp_path / ".scratch").iterdir()) == []


def test_a_kept_shard_that_is_damaged_is_made_anew(root: Path, tmp_path: Path, reads: list[str]) -> None:
    path = write(root, tmp_path)
    before = contents(path)
    (kept,) = (tmp_path / ".scratch").glob("kept-folder-*")
    shard = sorted(kept.glob("train-*.arrow"))[0]
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(damaged)
    reads.clear()
    assert contents(write(root, tmp_path)) == before
    assert len(reads) > TO_KNOW_THE_SIZE


def test_other_parameters_take_nothing_over(root: Path, tmp_path: Path, reads: list[str]) -> None:
    write(root, tmp_path)
    reads.clear()
    write(root, tmp_path, encoding="png")
    assert len(reads) == PICTURES + TO_KNOW_THE_SIZE
