"""Where files lie makes no difference to what is read."""

import gzip
import pickle
import shutil
import zipfile

import pytest

from smis.core.errors import LabelError, ParamsError
from smis.datasets.reading.files import open_files
from smis.datasets.reading.pictures import read_ids
from tests.datasets.releases import packed


@pytest.fixture
def tree(tmp_path):
    for name in ("b.txt", "a/c.txt", "a/d/e.txt"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "tree"


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_an_archive_has_the_files_of_its_folder_in_any_process(tree, tmp_path, ending):
    files = open_files(packed(tree, tmp_path / f"tree.{ending}"))
    names = [name for name in files.names() if "MACOSX" not in name]
    assert sorted(names) == sorted(open_files(str(tree)).names())
    for there in (files, pickle.loads(pickle.dumps(files))):
        assert [there.read(name).decode() for name in names] == [name.removeprefix("0:") for name in names]


def test_several_places_are_one(tree, tmp_path):
    files = open_files([str(tree), packed(tree, tmp_path / "more.zip")])
    assert "1:a/c.txt" in list(files.names())
    assert files.title("1:a/c.txt") == f"{tmp_path}/more.zip:a/c.txt"


def test_a_stamp_changes_when_a_file_does(tree):
    files = open_files(str(tree))
    before = files.stamp(files.names())
    assert files.stamp(files.names()) == before
    (tree / "b.txt").write_text("longer than before")
    assert files.stamp(files.names()) != before


def test_an_archive_that_is_compressed_as_a_whole_says_what_to_do(tree, tmp_path):
    packed(tree, tmp_path / "tree.tar")
    with (tmp_path / "tree.tar").open("rb") as plain, gzip.open(tmp_path / "tree.tar.gz", "wb") as small:
        shutil.copyfileobj(plain, small)
    with pytest.raises(ParamsError, match=r"tree\.tar\.gz is compressed as a whole, .*; unpack it once"):
        open_files(str(tmp_path / "tree.tar.gz"))


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_half_an_archive_is_named(tree, tmp_path, ending):
    path = tmp_path / f"half.{ending}"
    whole = (tmp_path / packed(tree, path)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if ending == "zip" else b"no archive" * 100)
    with pytest.raises(ParamsError, match=rf"cannot read .*half\.{ending} \(.*\); is the file whole\? copy it again"):
        list(open_files(str(path)).names())


def test_a_file_that_is_damaged_inside_an_archive_is_named(tmp_path):
    path = tmp_path / "maps.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels/a.png", b"1234567890")
    path.write_bytes(path.read_bytes().replace(b"1234567890", b"123456789!"))
    with pytest.raises(LabelError, match=r"cannot read .*maps\.zip:labels/a\.png .*; is the file whole\?"):
        read_ids(open_files(str(path)), "0:labels/a.png")


def test_a_place_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ParamsError, match=r"there is no folder, zip or tar file .*nowhere\.zip; set root to where"):
        open_files(str(tmp_path / "nowhere.zip"))
