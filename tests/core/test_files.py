import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from smis.core.errors import DiskError
from smis.core.files import written, written_folder


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with written(target) as beside:
        beside.write_text("half")
        assert not target.exists()
        beside.write_text("whole")
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError, match="by zero"), written(target) as beside:
        beside.write_text("half" * (1 // 0))
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with written_folder(target) as beside:
        (beside / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_place_that_cannot_be_written_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = r"cannot write .*file/inside: .*; free space or give another place"
    with pytest.raises(DiskError, match=told), written(tmp_path / "file" / "inside"):
        pass


@pytest.mark.parametrize(
    "place", [".", "", "..", "/", "folder", "pipe", "socket", "link", "/proc/x", "a\0b", "n" * 256]
)
def test_a_file_replaces_nothing_but_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    _refused(written, Path(place))


@pytest.mark.parametrize("place", [".", "", "..", "/", "file", "pipe", "/proc", "/proc/x", "file/inside", "a\0b"])
def test_a_folder_replaces_nothing_but_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    os.mkfifo("pipe")
    _refused(written_folder, Path(place))


def _refused(writer: Callable[[Path], AbstractContextManager[Path]], place: Path) -> None:
    before = sorted((path.name, path.lstat().st_mode) for path in Path().iterdir())
    with pytest.raises(DiskError, match="cannot write"), writer(place):
        pytest.fail("the work has begun")
    assert sorted((path.name, path.lstat().st_mode) for path in Path().iterdir()) == before


def test_a_link_to_a_file_and_one_that_leads_nowhere_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for target in ("file", "nothing"):
        (tmp_path / "link").symlink_to(tmp_path / target)
        with written(tmp_path / "link") as beside:
            beside.write_text("new")
        assert not (tmp_path / "link").is_symlink()
        (tmp_path / "link").unlink()
    assert (tmp_path / "file").read_text() == "kept"
