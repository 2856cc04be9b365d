import numpy as np
import pytest
from PIL import ExifTags, Image

from smis.core.errors import DataError, ImageError, LabelError, ParamsError
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


def relabel(root, labels):
    Image.fromarray(labels).save(root / "labels" / "a.png")


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


def test_ignored_pixels_are_the_class_unlabeled(root):
    labels = stripes()
    labels[labels == 2] = 255
    relabel(root, labels)
    read = reader(root, ignore=255)
    assert read.classes[3] == "unlabeled"
    assert (read.read("train", 0).labels[:2, :2] == 3).all()


def test_a_label_out_of_range_names_file_range_and_remedy(root):
    labels = stripes()
    labels[0, 0] = 255
    relabel(root, labels)
    message = (
        r"labels of .*labels/a\.png run from 0 to 255, but the data set has 3 classes \(0 to 2\); "
        r"was 255 left in as 'unlabeled'\? set datasets\.folder\.ignore: 255$"
    )
    with pytest.raises(LabelError, match=message):
        reader(root).read("train", 0)


def test_a_colored_label_map_is_refused(root):
    image = Image.fromarray(stripes())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.convert("RGB").save(root / "labels" / "a.png")
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


def test_a_file_that_cannot_be_cut_into_tiles_is_a_problem_and_the_others_go_on(root):
    (root / "images" / "b.jpg").write_text("not a picture")
    read = reader(root, tile=10)
    assert [problem.key for problem in read.problems] == ["b"]
    assert "cannot read" in read.problems[0].why
    assert read.count("train") == 6


def test_a_picture_with_16_bits_is_refused(root):
    Image.fromarray(np.zeros((16, 24), np.uint16)).save(root / "images" / "a.png")
    with pytest.raises(ImageError, match=r"images/a\.png has 16 bits a channel, but pictures have 8; save it with 8"):
        reader(root).read("train", 0)


def test_transparency_is_dropped_as_in_the_released_code(root):
    with Image.open(root / "images" / "a.png") as image:
        before = image.copy()
    before.putalpha(7)
    before.save(root / "images" / "a.png")
    assert np.array_equal(reader(root, size=[16, 24]).read("train", 0).image, np.asarray(before)[..., :3])


@pytest.fixture
def lying(root):
    """The picture b as a phone stores it that was held upright: on its side, with Orientation 6; its map is upright."""
    upright = Image.fromarray(stripes()).point([0, 120, 240] + [0] * 253)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored = upright.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    stored.save(root / "images" / "b.jpg", exif=exif, quality=100, subsampling=0)
    Image.fromarray(stripes()).save(root / "labels" / "b.png")
    return root


def test_a_picture_that_lies_on_its_side_is_read_upright_and_fits_its_label_map(lying):
    sample = reader(lying, size=[16, 24]).read("train", 1)
    assert np.abs(sample.image[..., 0] - 120.0 * sample.labels).max() < 40


def test_tiles_are_cut_from_the_upright_picture(lying):
    read = reader(lying, tile=8)
    tiles = {sample.key: sample for sample in (read.read("train", number) for number in range(6, 12))}
    assert list(tiles) == [f"b@{top},{left}" for top in (0, 8) for left in (0, 8, 16)]
    assert all(np.abs(tile.image[..., 0] - 120.0 * tile.labels).max() < 40 for tile in tiles.values())


def test_classes_come_from_a_file_beside_the_pictures(root):
    (root / "classes.txt").write_text("sky 70 130 180\nold tree 107 142 35\nhouse 70 70 70\n")
    read = reader(root, classes=None)
    assert read.classes == ["sky", "old tree", "house"]
    assert read.palette[1] == (107, 142, 35)


@pytest.mark.parametrize("text", ["", "sky 1 2 3\ntree", "sky 1 2 300"])
def test_a_file_of_classes_that_does_not_fit_says_how_to_write_it(root, text):
    (root / "classes.txt").write_text(text)
    with pytest.raises(ParamsError, match=r"classes\.txt does not fit: write 1 to 255 lines of `name` or"):
        reader(root, classes=None)


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfsky\r\ntree\r\nhouse\r\n", b"sky\ntree\nhouse\n\n \n"])
def test_a_mark_of_byte_order_and_blank_lines_at_the_end_are_no_part_of_a_name(root, text):
    (root / "classes.txt").write_bytes(text)
    assert reader(root, classes=None).classes == ["sky", "tree", "house"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_classes_in_another_encoding_are_refused(root, encoding):
    (root / "classes.txt").write_text("sky\nStraße\nhouse\n", encoding=encoding)
    with pytest.raises(ParamsError, match=r"classes\.txt is not UTF-8 \(byte \d+\); save it as UTF-8"):
        reader(root, classes=None)


def test_a_file_of_classes_that_cannot_be_read_is_named(root):
    (root / "classes.txt").symlink_to(root / "nowhere.txt")
    with pytest.raises(ParamsError, match=r"cannot read .*classes\.txt \(it is a link to .*nowhere\.txt,.*\); mend"):
        reader(root, classes=None)


def test_a_blank_line_between_classes_is_refused_because_lines_are_ids(root):
    (root / "classes.txt").write_text("sky\n\ntree\n")
    with pytest.raises(ParamsError, match=r"line 2 of .*classes\.txt is blank, but .* class ids, from 0; name the"):
        reader(root, classes=None)


def test_two_classes_of_one_name_are_refused_wherever_they_are_listed(root):
    message = r"datasets\.folder\.classes, or classes\.txt: ids 0 and 2 are both 'sky'; give each a name of its own"
    with pytest.raises(ParamsError, match=message):
        reader(root, classes=["sky", "tree", "sky"])
    (root / "classes.txt").write_text("sky\ntree\nsky\n")
    with pytest.raises(ParamsError, match=message):
        reader(root, classes=None)


def test_without_classes_a_person_hears_where_to_say_them(root):
    with pytest.raises(
        ParamsError, match=r"datasets\.folder\.classes: give a list, or put classes\.txt beside images/"
    ):
        reader(root, classes=None)


def test_regions_that_do_not_touch_are_objects_of_their_own(root):
    labels = np.zeros((16, 24), np.uint8)
    labels[2:6, 2:6] = labels[8:12, 2:6] = 1
    relabel(root, labels)
    sample = reader(root, size=[16, 24], instances="regions").read("train", 0)
    assert sample.instances.max() == 2
    assert sample.instances[3, 3] != sample.instances[9, 3]


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


def test_pictures_smaller_than_a_tile_are_named(root):
    problems = reader(root, tile=20).problems
    assert [problem.key for problem in problems] == ["a", "b"]
    assert problems[0].why.endswith("images/a.png is 16 x 24, too small for a tile of 20; make tile smaller")


def test_shares_of_a_handful_of_pictures_are_refused_before_anything_is_read(root):
    with pytest.raises(ParamsError, match=r"datasets\.folder: 2 pictures give 0 for validation, but a split needs 2"):
        reader(root, validation=0.1)


def test_where_files_without_mates_make_pictures_few_these_are_named(root):
    (root / "labels" / "a.png").unlink()
    with pytest.raises(DataError, match=r"images/a\.png has no label map of its name"):
        reader(root, validation=0.1)


def test_one_picture_is_enough_for_a_share_where_it_becomes_many_tiles(root):
    read = reader(root, tile=10, stride=6, validation=0.1)
    assert {split: read.count(split) for split in read.splits} == {"train": 8, "validation": 8}


def test_a_share_that_is_one_tile_is_refused(root):
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (16, 16)).save(root / "images" / name)
    with pytest.raises(
        ParamsError, match=r"datasets\.folder\.tile: 16 gives 1 for validation, but .* needs 2; make it smaller"
    ):
        reader(root, tile=16, validation=0.1)


def test_two_real_photographs_are_read_as_tiles(tmp_path):
    read = Config.check(lay_out(tmp_path), source="params.yaml").build()
    assert {split: read.count(split) for split in read.splits} == {"train": 334, "validation": 58, "test": 58}
    assert len(read.classes) == len(read.palette) == 13
    samples = [read.read("test", number) for number in range(58)]
    shown = {read.classes[label] for sample in samples for label in np.unique(sample.labels)}
    assert {"background", "person", "diningtable", "hanes_socks", "fiskars_scissors"} <= shown
    assert all(sample.image.shape == (64, 64, 3) for sample in samples)
    assert max(int(sample.instances.max()) for sample in samples) >= 3


def test_a_foreground_of_255_is_told_by_its_looks_and_read_as_relabel_says(root):
    for name in ("a", "b"):
        Image.fromarray((stripes() > 0).astype(np.uint8) * 255).save(root / "labels" / f"{name}.png")
    two = {"classes": ["ground", "figure"]}
    with pytest.raises(LabelError, match=r"was class 1 saved as 255\? set datasets\.folder\.relabel: \{255: 1\}$"):
        reader(root, **two).read("train", 0)
    assert np.unique(reader(root, **two, relabel={255: 1}).read("train", 0).labels).tolist() == [0, 1]


def test_ids_that_begin_at_1_are_told_by_their_looks_and_no_class_is_ignored(root):
    relabel(root, stripes() + 1)
    with pytest.raises(LabelError, match=r"do ids begin at 1\? set datasets\.folder\.relabel: \{1: 0, 2: 1, 3: 2\}$"):
        reader(root).read("train", 0)
    shifted = reader(root, relabel={1: 0, 2: 1, 3: 2}).read("train", 0).labels
    relabel(root, stripes())
    assert np.array_equal(shifted, reader(root).read("train", 0).labels)


def test_relabel_gives_classes_only(root):
    with pytest.raises(ParamsError, match=r"datasets\.folder\.relabel makes 255 the class 3, but .* 3 classes"):
        reader(root, relabel={255: 3})


def test_a_data_set_without_relabel_is_the_one_that_it_was(root):
    assert "relabel" not in reader(root).fingerprint
