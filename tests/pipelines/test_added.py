"""Files that are added to a data set or mended: only they are read, and the bytes are those of a new start."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.prepare import prepare
from pipelines.prepare import run as stage
from smis.core.errors import DataError
from smis.data import closed_shards
from smis.data.shards import Prepared
from smis.data.writer import CHUNK, PrepareConfig, ShardWriter
from smis.datasets.folder import Config
from smis.datasets.io.file_reader import FileReader
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
    read = FileReader.read

    def noted(self: FileReader, split: str, index: int, /) -> Any:
        names.append(self.key(split, index))
        return read(self, split, index)

    monkeypatch.setattr(FileReader, "read", noted)
    return names


def write(root: Path, place: Path, **config: Any) -> Path:
    """Prepare it as a stage does whose out DVC has removed; return the data set."""
    path = place / "data" / "folder"
    shutil.rmtree(path, ignore_errors=True)
    section = Config(root=str(root), classes=["a", "b", "c"], size=(32, 32), validation=0.1, test=0.1)
    prepare(section.build(), path, config=PrepareConfig(shard_mib=1, **config), scratch=place / ".scratch")
    return path


def spoil(root: Path, *names: str) -> dict[Path, bytes]:
    """Break label maps; return what they were, for `mend`."""
    were = {root / "labels" / f"{name}.png": (root / "labels" / f"{name}.png").read_bytes() for name in names}
    for path in were:
        path.write_bytes(b"no map")
    return were


def mend(were: dict[Path, bytes]) -> None:
    for path, content in were.items():
        path.write_bytes(content)


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


@pytest.mark.parametrize("encoding", ["raw", "png", "jpeg"])
def test_a_mended_picture_is_the_only_one_that_is_read_again(
    root: Path, tmp_path: Path, reads: list[str], encoding: str
) -> None:
    were = spoil(root, "p0100", "p0299")
    with pytest.raises(DataError, match=r"2 of 300 pictures of folder do not fit"):
        write(root, tmp_path, encoding=encoding)
    assert len(reads) == PICTURES + TO_KNOW_THE_SIZE
    assert [path.name.split("-")[0] for path in (tmp_path / ".scratch").iterdir()] == ["kept"]
    mend(were)
    reads.clear()
    mended = contents(write(root, tmp_path, encoding=encoding))
    assert sorted(reads[TO_KNOW_THE_SIZE:]) == ["p0100", "p0299"]
    assert mended == contents(write(root, tmp_path / "anew", encoding=encoding))


def test_only_the_bad_ones_are_read_again_to_leave_them_out(root: Path, tmp_path: Path, reads: list[str]) -> None:
    spoil(root, "p0003", "p0200")
    with pytest.raises(DataError, match=r"2 of 300 pictures of folder do not fit"):
        write(root, tmp_path)
    reads.clear()
    without = contents(write(root, tmp_path, skip_bad=True))
    assert sorted(reads[TO_KNOW_THE_SIZE:]) == ["p0003", "p0200"]
    assert without == contents(write(root, tmp_path / "anew", skip_bad=True))


def test_one_bad_picture_among_added_ones_costs_nothing_of_what_was_kept(
    root: Path, tmp_path: Path, reads: list[str]
) -> None:
    write(root, tmp_path)
    add(root, "p0100-added", 7)
    were = spoil(root, "p0007")
    for _ in range(2):
        with pytest.raises(DataError, match=r"cannot read .*p0007\.png"):
            write(root, tmp_path)
    mend(were)
    reads.clear()
    mended = contents(write(root, tmp_path))
    assert reads[TO_KNOW_THE_SIZE:] == ["p0007"]
    assert mended == contents(write(root, tmp_path / "anew"))


def test_a_bad_picture_leaves_nothing_where_nobody_wants_it(
    root: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_KEEP", "0")
    spoil(root, "p0100")
    with pytest.raises(DataError, match=r"cannot read .*p0100\.png"):
        write(root, tmp_path)
    assert list((tmp_path / ".scratch").iterdir()) == []


class Killed(BaseException):
    """What ends a run at once, as a signal does."""


def test_a_run_that_was_killed_after_a_bad_picture_still_tells_of_it(
    root: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def killed(self: ShardWriter, *, complete: bool) -> None:
            raise Killed("at once")

        patch.setattr(ShardWriter, "discard", killed)
        were = spoil(root, "p0003")
        with pytest.raises(Killed, match="at once"):
            write(root, tmp_path)
    (unfinished,) = (tmp_path / ".scratch").glob("prepare-folder-*")
    first = closed_shards.read_all(unfinished)[0]
    assert first.entry.rows == first.chunks * CHUNK - 1
    reads.clear()
    with pytest.raises(DataError, match=r"cannot read .*p0003\.png"):
        write(root, tmp_path)
    assert len(reads) < PICTURES
    mend(were)
    reads.clear()
    mended = contents(write(root, tmp_path))
    assert reads[TO_KNOW_THE_SIZE:] == ["p0003"]
    assert mended == contents(write(root, tmp_path / "anew"))


def test_a_run_that_has_seen_enough_takes_nothing_away_from_what_was_kept(
    root: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_MAX_PROBLEMS", 2)
    write(root, tmp_path)
    were = spoil(root, "p0001", "p0002", "p0003", "p0004")
    with pytest.raises(DataError, match=r"pictures of folder do not fit"):
        write(root, tmp_path)
    mend(were)
    reads.clear()
    write(root, tmp_path)
    assert sorted(reads[TO_KNOW_THE_SIZE:]) == ["p0001", "p0002", "p0003", "p0004"]
