"""Where files lie makes no difference to what is read."""

import os
import pickle
import tarfile
import zipfile

import pytest

from smis.core.errors import LabelError, ParamsError
from smis.datasets.io.raw_files import open_files
from smis.datasets.io.raw_images import read_map
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


@pytest.mark.parametrize("ending", ["tar.gz", "tgz", "tar.bz2", "tbz2", "tar.xz", "txz", "tar.zst", "7z", "rar"])
def test_an_archive_that_is_compressed_as_a_whole_says_what_to_do(tmp_path, ending):
    (tmp_path / f"tree.{ending}").touch()
    with pytest.raises(ParamsError, match=rf"tree\.{ending} is compressed as a whole, .*; unpack it once"):
        open_files(str(tmp_path / f"tree.{ending}"))


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_half_an_archive_is_named(tree, tmp_path, ending):
    path = tmp_path / f"half.{ending}"
    whole = (tmp_path / packed(tree, path)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if ending == "zip" else b"no archive" * 100)
    with pytest.raises(ParamsError, match=rf"cannot read .*half\.{ending} \(.*\); is the file whole\? copy it again"):
        list(open_files(str(path)).names())


def stored(content):
    return content.replace(b"1234567890", b"123456789!")


def deflated(content):
    at = content.index(b"a.png") + len(b"a.png")
    return content[:at] + b"\xff" * 8 + content[at + 8 :]


def encrypted(content):
    return both_heads(content, place=6, byte=b"\x01")


def packed_in_an_unknown_way(content):
    return both_heads(content, place=8, byte=b"\x09")


def both_heads(content, *, place, byte):
    """Set a byte in the head before the file and in the directory, where it comes two bytes later."""
    for at in (place, content.index(b"PK\x01\x02") + place + 2):
        content = content[:at] + byte + content[at + 1 :]
    return content


WHOLE, ANEW = r"is the file whole\? copy it again", "pack it anew, deflated and without a password"


@pytest.mark.parametrize(
    ("change", "reason", "remedy"),
    [
        (stored, "Bad CRC-32", WHOLE),
        (deflated, "Error -3 while decompressing", WHOLE),
        (encrypted, "is encrypted", ANEW),
        (packed_in_an_unknown_way, "compression method is not supported", ANEW),
    ],
)
def test_a_file_that_cannot_be_unpacked_is_named_and_says_what_to_do(tmp_path, change, reason, remedy):
    path = tmp_path / "maps.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if change is deflated else zipfile.ZIP_STORED) as archive:
        archive.writestr("labels/a.png", b"1234567890")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(LabelError, match=rf"cannot read .*maps\.zip:labels/a\.png \(.*{reason}.*\); {remedy}"):
        read_map(open_files(str(path)), "0:labels/a.png")


def test_a_link_that_leads_nowhere_is_named_where_it_is_read_and_not_before(tree):
    (tree / "a.png").symlink_to(tree / "nowhere.png")
    files = open_files(str(tree))
    before = files.stamp(["0:a.png"])
    with pytest.raises(LabelError, match=r"cannot read .*a\.png \(it is a link to .*nowhere\.png, .*\); mend"):
        read_map(files, "0:a.png")
    (tree / "nowhere.png").touch()
    assert files.stamp(["0:a.png"]) != before


@pytest.mark.parametrize("below", ["", "./"])
def test_links_in_a_tar_file_are_followed_and_those_that_lead_out_of_it_are_named(tree, tmp_path, below):
    path = tmp_path / "tree.tar"
    packed(tree, path, below=below)
    links = {"z.txt": (tarfile.LNKTYPE, f"{below}b.txt"), "a/y.txt": (tarfile.SYMTYPE, "../z.txt")}
    links |= {"out.png": (tarfile.SYMTYPE, "/etc/x.png"), "round.png": (tarfile.SYMTYPE, "round.png")}
    with tarfile.open(path, "a") as archive:
        for name, (kind, target) in links.items():
            link = tarfile.TarInfo(f"{below}{name}")
            link.type, link.linkname = kind, target
            archive.addfile(link)
    files = open_files(str(path))
    assert {f"0:{below}{name}" for name in links} <= set(files.names())
    assert files.read(f"0:{below}z.txt") == files.read(f"0:{below}a/y.txt") == b"b.txt"
    for name in ("out.png", "round.png"):
        with pytest.raises(LabelError, match=r"cannot read .*\(a link to a file that is not in the archive\)"):
            read_map(files, f"0:{below}{name}")


def test_a_folder_that_may_not_be_looked_into_is_named(tree, monkeypatch):
    def scandir(folder, scandir=os.scandir):
        if os.fspath(folder).endswith("a"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ParamsError, match=r"cannot look into .*tree/a \(permission denied\); make it readable, or"):
        list(open_files(str(tree)).names())


def test_a_name_that_is_not_utf_8_is_read_and_can_be_printed(tree):
    name = os.fsdecode(b"caf\xe9.txt")
    (tree / name).write_text("caf\u00e9")
    files = open_files(str(tree))
    assert f"0:{name}" in list(files.names())
    assert files.stamp([f"0:{name}"])
    assert files.read(f"0:{name}").decode() == "caf\u00e9"
    assert files.title(f"0:{name}") == rf"{tree}/caf\xe9.txt"


def test_a_place_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ParamsError, match=r"there is no folder, zip or tar file .*nowhere\.zip; set root to where"):
        open_files(str(tmp_path / "nowhere.zip"))


@pytest.mark.parametrize(("kind", "reason"), [("fifo", "it is a FIFO"), ("device", "it is a device")])
def test_what_is_no_file_is_named_and_never_opened(tmp_path, kind, reason):
    path = tmp_path / "a.png"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(LabelError, match=rf"cannot read .*a\.png \({reason}\); give a file, or take it away"):
        read_map(open_files(str(tmp_path)), "0:a.png")


def test_a_link_to_a_folder_that_it_is_in_is_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").touch()
    for name in ("up", "here"):
        (tmp_path / "a" / name).symlink_to(tmp_path if name == "up" else tmp_path / "a")
    (tmp_path / "other").symlink_to(tmp_path / "a")
    assert list(open_files(str(tmp_path)).names()) == ["0:a/b.png", "0:other/b.png"]


@pytest.mark.parametrize("ending", ["zip", "tar", ""])
def test_a_file_of_6_gb_is_refused_by_its_length(tmp_path, ending):
    path, length = tmp_path / f"maps.{ending}" if ending else tmp_path, 6 * 10**9
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.png", b"1234567890")
        whole = path.read_bytes()
        place = whole.index(b"PK\x01\x02") + 24
        path.write_bytes(whole[:place] + (2**32 - 2).to_bytes(4, "little") + whole[place + 4 :])
    elif ending == "tar":
        with path.open("wb") as file:
            head = tarfile.TarInfo("a.png")
            head.size = length
            file.write(head.tobuf())
            file.truncate(length + 2 * 10240)
    else:
        (tmp_path / "a.png").touch()
        os.truncate(tmp_path / "a.png", length)
    files = open_files(str(path))
    assert list(files.names()) == ["0:a.png"]
    with pytest.raises(LabelError, match=r"a\.png \(it has [46],\d+,\d+,\d+ bytes, allowed are 1,073,741,824\)"):
        read_map(files, "0:a.png")
