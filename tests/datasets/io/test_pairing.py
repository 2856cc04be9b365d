"""Files of one name belong together; tables of them give back what they were made of."""

import os
import pickle
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smis.core.errors import ParamsError
from smis.datasets.io.pairing import FileLayout, SampleFiles, SampleFilesTable, paired
from smis.datasets.io.raw_files import Folder, MultiRoot, open_files
from tests.datasets.releases import packed

LAYOUT = FileLayout(
    title="pictures/SPLIT/KEY.jpg with maps/SPLIT/KEY.png",
    image=r"pictures/(?P<split>train|test)/(?P<key>[^/]+)\.jpg",
    labels=r"maps/(?P<split>train|test)/(?P<key>[^/]+)\.png",
)


@pytest.fixture
def release(tmp_path):
    for name in ("pictures/train/a.jpg", "maps/train/a.png"):
        path = tmp_path / "release" / name
        path.parent.mkdir(parents=True)
        path.touch()
    return tmp_path / "release"


def test_a_root_that_is_one_folder_too_deep_is_told_so(release):
    with pytest.raises(ParamsError, match=r"no file is named .*; .*release/pictures seems to be one folder too deep: "):
        paired(open_files([f"{release}/pictures", f"{release}/maps"]), (LAYOUT,), instances=False)


@pytest.mark.parametrize("folder", ["pictures/train", "maps"])
def test_a_root_that_is_elsewhere_is_told_what_is_there(release, folder):
    with pytest.raises(ParamsError, match=r"there is, for example, .*/a\.(jpg|png); set root to where they lie"):
        paired(open_files(f"{release}/{folder}"), (LAYOUT,), instances=False)


def test_an_archive_is_not_taken_for_a_folder(release, tmp_path):
    archive = packed(release / "pictures", tmp_path / "pictures.zip")
    with pytest.raises(ParamsError, match="set root to where they lie"):
        paired(open_files(archive), (LAYOUT,), instances=False)


def test_a_key_that_is_no_text_is_a_problem_of_its_picture_and_a_folder_above_it_is_not(release):
    for name in ("pictures/train/a.jpg", "maps/train/a.png"):
        odd = release / os.path.dirname(name) / os.fsdecode(b"caf\xe9")
        odd.with_name(odd.name + name[-4:]).touch()
    release = release.rename(release.with_name(os.fsdecode(b"r\xe9lease")))
    found = paired(open_files(str(release.parent)), (LAYOUT,), instances=False)
    assert [entry.key for entry in found.entries["train"]] == ["a"]
    assert [problem.key for problem in found.problems] == [r"caf\xe9"]
    assert found.problems[0].why.endswith(r"caf\xe9.jpg has a name in bytes that are not UTF-8; rename it")


class Many(Folder):
    """As many files as a listing of names can have."""

    def __init__(self) -> None:
        self.listed = [f"{kind}/train/photograph_{n:08d}.{end}" for kind, end in ENDINGS.items() for n in range(5000)]

    def names(self) -> Iterator[str]:
        yield from (name.upper().lower() for name in self.listed)  # each a text of its own, as of a disk


ENDINGS = {"pictures": "jpg", "maps": "png"}


def test_pairing_many_files_takes_a_few_times_the_room_of_their_names():
    many = Many()
    tracemalloc.start()
    found = paired(MultiRoot([many]), (LAYOUT,), instances=False)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.entries["train"]) == 5000
    assert most < 6 * sum(map(len, many.listed))  # an object for each file and picture takes 11 times their room


ENTRIES = [
    SampleFiles("ä", "0:images/ä.jpg", ("0:labels/ä.png",)),
    SampleFiles("c", "0:caf\udce9/images/c.jpg", ("0:caf\udce9/labels/c.png",)),
    SampleFiles("b", "0:images/b.jpg", ("0:labels/b_skin.png", "0:labels/b_nose.png"), "1:instances/b.png"),
]


def test_a_table_gives_back_what_it_was_made_of_in_any_process():
    for table in (SampleFilesTable(ENTRIES), pickle.loads(pickle.dumps(SampleFilesTable(ENTRIES)))):
        assert list(table) == ENTRIES


def test_a_picture_that_is_not_there_is_not_another():
    with pytest.raises(IndexError):
        SampleFilesTable(ENTRIES)[-1]


def test_a_table_of_many_pictures_takes_little_more_than_their_names():
    entries = [SampleFiles(f"{n:07d}", f"0:images/{n:07d}.jpg", (f"0:labels/{n:07d}.png",)) for n in range(20000)]
    names = sum(len("".join(entry.files)) + len(entry.key) for entry in entries)
    assert len(pickle.dumps(SampleFilesTable(entries))) < 1.4 * names


class Names(Folder):
    """A folder that has these files, in this order."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(Path("raw"))
        self._names = names

    def names(self) -> Iterator[str]:
        return iter(self._names)


KEYS = st.sets(st.text("abcxyz019-_ ", min_size=1, max_size=6), max_size=12)


@settings(deadline=None, derandomize=True)
@given(KEYS, KEYS, st.randoms(use_true_random=False))
def test_files_pair_by_name_in_any_order_and_each_other_one_is_a_problem(images, labels, random):
    names = [f"pictures/train/{key}.jpg" for key in images] + [f"maps/train/{key}.png" for key in labels]
    random.shuffle(names)
    files = MultiRoot([Names(names)])
    if not images:
        with pytest.raises(ParamsError, match="no file is named as the data set names its pictures"):
            paired(files, (LAYOUT,), instances=False)
        return
    result = paired(files, (LAYOUT,), instances=False)
    entries = list(result.entries.get("train", ()))
    assert [entry.key for entry in entries] == sorted(images & labels)
    assert all(entry.image == f"0:pictures/train/{entry.key}.jpg" for entry in entries)
    assert all(entry.labels == (f"0:maps/train/{entry.key}.png",) for entry in entries)
    assert {problem.key for problem in result.problems} == images ^ labels
