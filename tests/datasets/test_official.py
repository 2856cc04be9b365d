"""Each official data set, in the layout and the encodings of its release."""

import shutil

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as cityscapes_labels
from PIL import Image

from smis.core.errors import DataError, LabelError, ParamsError
from smis.datasets.dataset_registry import DATASETS
from smis.published.published_datasets import dataset_of
from tests.datasets import releases

FOLDERS = {
    "ade20k": releases.ade20k,
    "celebamask": releases.celebamask,
    "cityscapes": releases.cityscapes,
    "clothing": releases.clothing,
    "coco_stuff": releases.coco_stuff,
    "deepfashion": releases.deepfashion,
}
NAMES = sorted(FOLDERS)
SPLITS = {"clothing": {"test": 1}}
"""Of a release without a split for tests."""


def reader(name, root, **more):
    section = {"root": root if isinstance(root, list) else str(root), "validation": 1, **SPLITS.get(name, {}), **more}
    return DATASETS.load(name).check(section, source="params.yaml").build()


def samples(read):
    return {split: [read.read(split, number) for number in range(read.count(split))] for split in read.splits}


def same(one, other):
    names = ("image", "labels", "instances")
    return one.key == other.key and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_every_release_is_read_in_its_published_geometry_and_classes(name, tmp_path):
    read = reader(name, FOLDERS[name](tmp_path))
    published = dataset_of(name.removesuffix("_stuff"))
    assert read.splits == ("train", "validation", "test")
    assert tuple(read.classes) == published.classes
    for found in samples(read).values():
        for sample in found:
            assert sample.image.shape == (published.height, published.width, 3)
            assert sample.labels.max() < len(read.classes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("ending", "below"), [("zip", "release/"), ("tar", "./")])
def test_archives_are_read_without_unpacking_them(name, ending, below, tmp_path):
    tree = FOLDERS[name](tmp_path / "tree")
    archive = releases.packed(tree, tmp_path / f"release.{ending}", below=below)
    packed, unpacked = samples(reader(name, archive)), samples(reader(name, tree))
    assert packed.keys() == unpacked.keys()
    for split in packed:
        assert all(same(*pair) for pair in zip(packed[split], unpacked[split], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_place_with_other_files_says_what_is_looked_for(name, tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ParamsError, match=r"no file is named .*set root to where"):
        reader(name, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_says_where_it_is_from_and_what_its_license_allows(name):
    config = DATASETS.load(name)
    assert "." in config.source
    assert config.license
    assert "20" in config.citation


def test_a_release_that_is_not_whole_is_counted_and_warned_of(tmp_path):
    read = reader("cityscapes", releases.cityscapes(tmp_path))
    assert read.warnings == [
        "cityscapes has 3 pictures in train, but 2,975 are published; is the download whole?",
        "cityscapes has 2 pictures in test, but 500 are published; is the download whole?",
    ]


def test_cityscapes_colors_and_names_are_those_of_its_own_scripts(tmp_path):
    read = reader("cityscapes", releases.cityscapes(tmp_path))
    for label in cityscapes_labels:
        assert read.classes[label.id] == label.name
        assert read.palette[label.id] == label.color
        assert (label.id % len(read.classes) in read.ignored) == label.ignoreInEval  # -1 is the last


@pytest.mark.parametrize(
    ("name", "ignored"), [("ade20k", ["other"]), ("coco_stuff", ["unlabeled"]), ("celebamask", [])]
)
def test_what_nobody_labeled_counts_in_no_metric(tmp_path, name, ignored):
    read = reader(name, FOLDERS[name](tmp_path))
    assert [read.classes[number] for number in read.ignored] == ignored


def test_cityscapes_comes_from_its_two_archives_at_once(tmp_path):
    tree = releases.cityscapes(tmp_path / "tree")
    for part in ("leftImg8bit", "gtFine"):
        releases.packed(tree / part, tmp_path / f"{part}_trainvaltest.zip", below=f"{part}/")
    archives = [str(tmp_path / f"{part}_trainvaltest.zip") for part in ("leftImg8bit", "gtFine")]
    read = reader("cityscapes", archives)
    assert [read.count(split) for split in read.splits] == [2, 1, 2]
    assert read.key("test", 0) == "frankfurt_000000_000019"


def test_cityscapes_objects_are_its_instance_ids_of_16_bits(tmp_path):
    read = reader("cityscapes", releases.cityscapes(tmp_path))
    sample = read.read("test", 0)
    with Image.open(tmp_path / "gtFine/val/frankfurt/frankfurt_000000_000019_gtFine_instanceIds.png") as official:
        ids = np.asarray(official)
    assert len(np.unique(ids)) == sample.instances.max() + 1
    assert len(np.unique(sample.instances[ids >= 1000])) == len(np.unique(ids[ids >= 1000]))


def test_ade20k_keeps_raw_ids(tmp_path):
    tree = releases.ade20k(tmp_path)
    sample = reader("ade20k", tree).read("test", 0)
    with Image.open(tree / "annotations/validation/ADE_val_00000001.png") as official:
        assert set(np.unique(sample.labels)) == set(np.unique(np.asarray(official))) == {0, 1, 2, 75, 150}


def test_coco_pixels_without_a_label_are_the_last_class(tmp_path):
    read = reader("coco_stuff", releases.coco_stuff(tmp_path))
    assert set(np.unique(read.read("test", 0).labels)) == {0, 91, 181, 182}
    assert read.classes[182] == "unlabeled"


def test_two_people_of_one_class_are_two_objects(tmp_path):
    tree = releases.deepfashion_inade(tmp_path)
    two = reader("deepfashion", tree, preset="two_people").read("test", 0)
    one = reader("deepfashion", tree).read("test", 0)
    assert one.instances.max() == len(np.unique(one.labels)) - 1
    assert two.instances.max() > one.instances.max()
    assert np.array_equal(two.labels, one.labels)


def test_instances_that_a_release_does_not_have_are_missed_by_name(tmp_path):
    with pytest.raises(Exception, match=r"has no instance map of its name"):
        reader("deepfashion", releases.deepfashion(tmp_path), instances="given")


def test_deepfashion_masks_may_be_three_equal_channels(tmp_path):
    tree = releases.deepfashion(tmp_path)
    before = samples(reader("deepfashion", tree))
    for path in tree.glob("cihp_*_mask/*.png"):
        with Image.open(path) as mask:
            gray = np.asarray(mask)
        releases.save(path, np.stack([gray] * 3, axis=-1))
    for split, found in samples(reader("deepfashion", tree)).items():
        assert all(same(*pair) for pair in zip(found, before[split], strict=True))


def test_parts_of_a_face_are_merged_in_the_order_of_the_release(tmp_path):
    read = reader("celebamask", releases.celebamask(tmp_path))
    column = read.read("test", 0).labels[:, 128]
    names = [read.classes[column[row]] for row in (10, 105, 120, 150, 250)]
    assert names == ["hair", "hair", "nose", "skin", "background"]


def test_faces_are_divided_as_celeba_divides_them(tmp_path):
    tree = releases.celebamask(tmp_path)
    read = reader("celebamask", tree)
    keys = {split: [read.key(split, number) for number in range(read.count(split))] for split in read.splits}
    assert keys == {"train": ["0", "1", "5"], "validation": ["2", "3"], "test": ["4"]}


def test_faces_without_the_list_of_celeba_say_what_to_do(tmp_path):
    tree = releases.celebamask(tmp_path)
    (tree / "CelebA-HQ-to-CelebA-mapping.txt").unlink()
    with pytest.raises(ParamsError, match=r"which says who is in which split; copy it beside .* last_2000"):
        reader("celebamask", tree)


@pytest.mark.parametrize("line", ["6", "6 a 000007.jpg", "<html>", "\u00e9"])
def test_a_list_of_faces_with_a_line_that_does_not_fit_names_it(tmp_path, line):
    path = releases.celebamask(tmp_path) / "CelebA-HQ-to-CelebA-mapping.txt"
    path.write_text(f"{path.read_text()}\n  {line}  \n", encoding="latin-1")
    with pytest.raises(DataError, match=r"line 9 of .*mapping\.txt is '.*', but a line has .*; copy the list again"):
        reader("celebamask", tmp_path)


def test_a_list_of_faces_that_cannot_be_read_is_named(tmp_path):
    path = releases.celebamask(tmp_path) / "CelebA-HQ-to-CelebA-mapping.txt"
    path.unlink()
    path.symlink_to(tmp_path / "nowhere.txt")
    with pytest.raises(DataError, match=r"cannot read .*mapping\.txt \(it is a link to .*nowhere\.txt.*\); mend the"):
        reader("celebamask", tmp_path)


def test_faces_that_are_in_two_places_are_problems(tmp_path):
    one = releases.celebamask(tmp_path / "one")
    doubled = ("CelebA-HQ-img/0.jpg", "CelebAMask-HQ-mask-anno/0/00001_nose.png")
    for name in doubled:
        copy = tmp_path / "two" / name
        copy.parent.mkdir(parents=True)
        shutil.copy(one / name, copy)
    read = reader("celebamask", [str(one), str(tmp_path / "two")])
    assert [problem.key for problem in read.problems] == ["0", "1"]
    for problem, name in zip(read.problems, doubled, strict=True):
        assert problem.why == f"{one}/{name} and {tmp_path}/two/{name} are of one name; take one of them away"


def test_two_lists_of_faces_that_differ_are_named(tmp_path):
    releases.celebamask(tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/CelebA-HQ-to-CelebA-mapping.txt").write_text("idx\n0 1 000002.jpg\n")
    with pytest.raises(DataError, match=r"mapping\.txt and .*mapping\.txt differ; take away the one"):
        reader("celebamask", tmp_path)


def test_masks_of_a_face_are_of_its_shape(tmp_path):
    path = releases.celebamask(tmp_path) / "CelebA-HQ-img/4.jpg"
    releases.save(path, releases.photograph(4, height=1024, width=512))
    with pytest.raises(LabelError, match=r"00004_skin\.png is 512 x 512, but .*4\.jpg is 1024 x 512; .* of one shape"):
        reader("celebamask", tmp_path).read("test", 0)


@pytest.mark.parametrize("target", [151, 999])
def test_an_id_that_is_made_what_is_no_class_is_refused_at_once(tmp_path, target):
    with pytest.raises(
        ParamsError, match=rf"ade20k\.relabel makes 0 the class {target}, but .* 151 classes \(0 to 150\)"
    ):
        reader("ade20k", releases.ade20k(tmp_path), relabel={0: target})


def test_merged_maps_of_faces_are_read_where_inade_puts_them(tmp_path):
    for split, count in (("train", 2), ("test", 1)):
        for number in range(count):
            at = tmp_path / split
            releases.save(at / "images" / f"{number}.jpg", releases.photograph(number, height=256, width=256))
            releases.save(at / "labels" / f"{number}.png", releases.blocks(number, [0, 1, 18], height=128, width=128))
    read = reader("celebamask", tmp_path, layout="inade")
    assert set(np.unique(read.read("test", 0).labels)) == {0, 1, 18}


@pytest.mark.parametrize(
    ("name", "image", "split"),
    [
        ("ade20k", "images/training/ADE_train_00000009.jpg", "train"),
        ("ade20k", "images/validation/ADE_val_00000009.jpg", "test"),
        ("celebamask", "CelebA-HQ-img/99.jpg", "train"),
        ("cityscapes", "leftImg8bit/val/ulm/ulm_000000_000019_leftImg8bit.png", "test"),
        ("clothing", "annotations/pixel-level/0099.mat", "train"),
        ("coco_stuff", "val2017/000000000099.jpg", "test"),
        ("deepfashion", "test/nobody.jpg", "test"),
    ],
)
def test_what_does_not_pair_is_of_a_split_of_ours(name, image, split, tmp_path):
    path = FOLDERS[name](tmp_path) / image
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert [problem.split for problem in reader(name, tmp_path).problems] == [split]
