import numpy as np
import pytest
from PIL import Image

from smis.core.errors import ImageError, LabelError
from smis.datasets.folder import Config
from tests.photographs import lay_out

SECTION = {"classes": ["sky", "tree", "house"], "size": [8, 8], "validation": 0, "test": 0}


@pytest.fixture
def root(tmp_path):
    """Two pictures of 16 x 24 without instances."""
    draw = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for name, ending in (("a", "png"), ("b", "jpg")):
        Image.fromarray(draw.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(
            tmp_path / "images" / f"{name}.{ending}"
        )
        Image.fromarray(draw.integers(0, 3, (16, 24), dtype=np.uint8)).save(tmp_path / "labels" / f"{name}.png")
    return tmp_path


def reader(root, **more):
    return Config.check({"root": str(root), **SECTION, **more}, source="params.yaml").build()


def relabel(root, labels, mode=None):
    image = Image.fromarray(labels)
    (image if mode is None else image.convert(mode)).save(root / "labels" / "a.png")


def stripes():
    """Left half sky, right half tree, one house in a corner."""
    labels = np.zeros((16, 24), dtype=np.uint8)
    labels[:, 12:] = 1
    labels[:4, :6] = 2
    return labels


def test_maps_are_resized_to_the_nearest_id(root):
    relabel(root, stripes())
    labels = reader(root).read("train", 0).labels
    assert labels.shape == (8, 8)
    assert (labels[:, 4:] == 1).all()
    assert (labels[:2, :2] == 2).all()
    assert (labels[2:, :4] == 0).all()


def test_without_instances_each_class_is_one(root):
    relabel(root, stripes())
    sample = reader(root).read("train", 0)
    assert sample.instances.max() == 2
    assert np.array_equal(sample.instances, sample.labels)


def test_an_instance_of_two_classes_becomes_two_and_ids_are_dense(root):
    (root / "instances").mkdir()
    relabel(root, stripes())
    for name in "ab":
        ids = np.full((16, 24), 40000, dtype=np.uint16)
        ids[8:] = 7
        Image.fromarray(ids).save(root / "instances" / f"{name}.png")
    sample = reader(root).read("train", 0)
    assert set(np.unique(sample.instances)) == {0, 1, 2, 3, 4}
    assert all(len(np.unique(sample.labels[sample.instances == number])) == 1 for number in range(5))


def test_a_palette_png_gives_its_indices(root):
    image = Image.fromarray(stripes())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(root / "labels" / "a.png")
    assert set(np.unique(reader(root).read("train", 0).labels)) == {0, 1, 2}


def test_ignored_pixels_are_the_class_unlabelled(root):
    labels = stripes()
    labels[labels == 2] = 255
    relabel(root, labels)
    read = reader(root, ignore=255)
    assert read.classes[3] == "unlabelled"
    assert (read.read("train", 0).labels[:2, :2] == 3).all()


def test_a_label_out_of_range_names_file_range_and_remedy(root):
    labels = stripes()
    labels[0, 0] = 255
    relabel(root, labels)
    message = (
        r"labels of .*labels/a\.png run from 0 to 255, but the data set has 3 classes \(0 to 2\); "
        r"was 255 left in as 'unlabelled'\? set datasets\.folder\.ignore: 255$"
    )
    with pytest.raises(LabelError, match=message):
        reader(root).read("train", 0)


def test_a_coloured_label_map_is_refused(root):
    relabel(root, stripes(), mode="RGB")
    with pytest.raises(LabelError, match=r"labels/a\.png has mode RGB, but a map has one channel of ids"):
        reader(root).read("train", 0)


def test_maps_of_another_size_are_refused(root):
    relabel(root, stripes()[:8])
    with pytest.raises(LabelError, match=r"labels/a\.png is 8 x 24, but .*images/a\.png is 16 x 24"):
        reader(root).read("train", 0)


@pytest.mark.parametrize(("kind", "error"), [("images", ImageError), ("labels", LabelError)])
def test_a_truncated_file_is_named_in_one_line(root, kind, error):
    path = root / kind / "a.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(error, match=rf"cannot read .*{kind}/a\.png .*; is the file whole\?") as caught:
        reader(root).read("train", 0)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_picture_is_named_before_anything_is_written(root):
    (root / "images" / "b.jpg").write_text("not a picture")
    with pytest.raises(ImageError, match=r"cannot read .*images/b\.jpg"):
        reader(root)


def test_tiles_overlap_and_reach_every_border(root):
    read = reader(root, tile=10, stride=6)
    keys = [read.read("train", number).key for number in range(read.count("train"))]
    assert keys[:8] == [f"a@{top},{left}" for top in (0, 6) for left in (0, 6, 12, 14)]
    assert read.count("train") == 16


def test_a_tile_is_its_part_of_the_picture(root):
    relabel(root, stripes())
    read = reader(root, tile=8, stride=4)
    with Image.open(root / "images" / "a.png") as image:
        whole = np.asarray(image)
    sample = read.read("train", 1)
    assert sample.key == "a@0,4"
    assert np.array_equal(sample.image, whole[:8, 4:12])
    assert np.array_equal(sample.labels, stripes()[:8, 4:12])


def test_a_picture_smaller_than_a_tile_is_named(root):
    with pytest.raises(ImageError, match=r"images/a\.png is 16 x 24, too small for a tile of 20; make tile smaller"):
        reader(root, tile=20)


def test_two_real_photographs_are_read_as_tiles(tmp_path):
    read = Config.check(lay_out(tmp_path), source="params.yaml").build()
    assert {split: read.count(split) for split in read.splits} == {"train": 334, "validation": 58, "test": 58}
    assert len(read.classes) == len(read.palette) == 13
    samples = [read.read("test", number) for number in range(58)]
    shown = {read.classes[label] for sample in samples for label in np.unique(sample.labels)}
    assert {"background", "person", "diningtable", "hanes_socks", "fiskars_scissors"} <= shown
    assert all(sample.image.shape == (64, 64, 3) for sample in samples)
    assert max(int(sample.instances.max()) for sample in samples) >= 3
