import pytest

from smis.core.errors import ParamsError
from smis.datasets.folder.folder_splits import pairs
from smis.datasets.io.raw_files import open_files


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


@pytest.mark.parametrize("picture", ["images/a.webp", "images/a.BMP", "images/a.tif"])
def test_a_picture_with_an_ending_that_is_not_read_is_named(tmp_path, picture):
    touch(tmp_path, picture, "labels/a.png", "images/b.jpg", "labels/b.png", "labels/c.png")
    assert why(tmp_path) == [
        f"{picture} is not read: pictures end in .png, .jpg or .jpeg; save it as one of these",
        "labels/c.png belongs to no picture; take it away, or give it its picture",
    ]


def test_a_label_map_with_an_ending_that_is_not_read_is_named(tmp_path):
    touch(tmp_path, "images/a.png", "labels/a.jpg")
    assert why(tmp_path) == [
        "labels/a.jpg is not read: label maps end in .png, which keeps ids as they are; save it so"
    ]


def test_a_file_beside_a_picture_that_lacks_its_map_explains_nothing(tmp_path):
    touch(tmp_path, "images/a.png", "images/a.xmp")
    assert why(tmp_path) == ["images/a.png has no label map of its name; copy it there, or take the picture away"]


@pytest.mark.parametrize("second", ["a", "b"])
def test_folders_for_training_and_validation_are_not_dissolved(tmp_path, second):
    touch(tmp_path, "train/images/a.png", "train/labels/a.png", f"val/images/{second}.png", f"val/labels/{second}.png")
    message = (
        r"root: pictures lie in .*train/images and in .*val/images, but folders do not say what is for training; "
        r"put all into one images/ and one labels/, or make root a list of the folders above these; give each picture "
        r"a name of its own, and list those of datasets\.folder\.validation and test$"
    )
    with pytest.raises(ParamsError, match=message):
        found(tmp_path)


def test_several_roots_are_asked_for_and_become_one_set(tmp_path):
    touch(tmp_path, "one/images/a.png", "one/labels/a.png", "two/images/b.png", "two/labels/b.png")
    entries = pairs(open_files([str(tmp_path / "one"), str(tmp_path / "two")]), given=None).entries[""]
    assert [entry.key for entry in entries] == ["a", "b"]
