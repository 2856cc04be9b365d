import pytest

from smis.core.errors import ParamsError
from smis.datasets.folder.pairing import divided, pairs
from smis.datasets.reading.files import open_files


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(root, given=None):
    return pairs(open_files(str(root)), given=given)


def why(root):
    return [problem.why.replace(f"{root}/", "") for problem in found(root).problems]


def test_files_are_paired_by_name_and_not_by_order(tmp_path):
    touch(tmp_path, "images/b.jpg", "images/a.png", "images/sub/c.JPEG")
    touch(tmp_path, "labels/a.png", "labels/b.png", "labels/sub/c.png")
    entries = found(tmp_path).entries[""]
    assert [entry.key for entry in entries] == ["a", "b", "sub/c"]
    assert [entry.labels[0] for entry in entries] == ["0:labels/a.png", "0:labels/b.png", "0:labels/sub/c.png"]
    assert entries[0].instances is None


def test_all_pictures_without_labels_and_labels_without_pictures_are_named(tmp_path):
    touch(tmp_path, "images/a.png", "images/b.jpg", "images/c.jpg", "labels/a.png", "labels/d.png")
    assert why(tmp_path) == [
        "images/b.jpg has no label map of its name; copy it there, or take the picture away",
        "images/c.jpg has no label map of its name; copy it there, or take the picture away",
        "labels/d.png belongs to no picture; take it away, or give it its picture",
    ]
    assert [entry.key for entry in found(tmp_path).entries[""]] == ["a"]


def test_instances_are_for_all_pictures_or_for_none(tmp_path):
    touch(tmp_path, "images/a.png", "images/b.png", "labels/a.png", "labels/b.png", "instances/a.png")
    assert why(tmp_path) == ["images/b.png has no instance map of its name; copy it there, or take the picture away"]


def test_two_pictures_of_one_name_are_refused(tmp_path):
    touch(tmp_path, "images/a.png", "images/a.jpg", "labels/a.png")
    assert why(tmp_path) == ["images/a.jpg and images/a.png have one name, a; take one of them away"]


def test_what_operating_systems_leave_behind_is_no_picture(tmp_path):
    touch(tmp_path, "images/a.png", "labels/a.png", "images/._a.png", "__MACOSX/images/b.png", "images/.DS_Store")
    assert why(tmp_path) == []


def test_a_folder_without_pictures_is_named(tmp_path):
    touch(tmp_path, "photos/a.png")
    with pytest.raises(
        ParamsError, match=r"no file is named .*images/NAME\.png .*for example, .*photos/a\.png; set root"
    ):
        found(tmp_path)


KEYS = [f"{number:03d}" for number in range(100)]


def test_shares_take_every_picture_once_and_do_not_look_at_the_order():
    splits = divided(KEYS, validation=0.1, test=0.2, seed=0)
    assert {name: len(keys) for name, keys in splits.items()} == {"train": 70, "validation": 10, "test": 20}
    assert sorted(key for keys in splits.values() for key in keys) == KEYS
    assert divided(KEYS[::-1], validation=0.1, test=0.2, seed=0) == splits
    assert divided(KEYS, validation=0.1, test=0.2, seed=1) != splits


def test_lists_are_taken_at_their_word_and_shares_take_from_the_rest():
    splits = divided(KEYS, validation=["003", "004"], test=0.9, seed=0)
    assert splits["validation"] == ["003", "004"]
    assert len(splits["test"]) == 90
    assert not {"003", "004"} & {*splits["test"], *splits["train"]}


def test_a_listed_name_that_is_no_picture_is_refused():
    with pytest.raises(ParamsError, match=r"datasets\.folder\.test: there is no picture named 'a\.jpg'"):
        divided(KEYS, validation=0.1, test=["a.jpg"], seed=0)


def test_one_picture_cannot_be_in_two_lists():
    with pytest.raises(ParamsError, match="'007' is in validation and in test"):
        divided(KEYS, validation=["007"], test=["006", "007"], seed=0)


def test_something_must_be_left_to_train_on():
    with pytest.raises(ParamsError, match="validation and test take all 2 pictures"):
        divided(["a", "b"], validation=["a"], test=["b"], seed=0)
