"""`smis data`: what a person sees of a data set before hours of work begin."""

import json

import numpy as np
import pytest
from PIL import Image

from smis.cli import main
from smis.data.schema import Header
from smis.data.writer import write
from smis.datasets.dataset_registry import DATASETS
from smis.datasets.paperdoll import Config
from tests.datasets import releases


@pytest.fixture(autouse=True)
def in_one_process(monkeypatch):
    monkeypatch.setenv("SMIS_WORKERS", "1")


@pytest.fixture
def prepared(tmp_path):
    reader = Config(size=32, train=6, validation=2, test=3).build()
    header = Header("paperdoll", tuple(reader.classes), tuple(reader.palette), 32, 32)
    samples = [reader.read(split, number) for split in reader.splits for number in range(reader.count(split))]
    write(tmp_path / "prepared", samples, header=header)
    return tmp_path / "prepared"


def test_the_list_says_of_every_data_set_where_it_is_from_and_what_is_allowed(capsys):
    assert main(["data", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == sorted(DATASETS)
    assert all(row["license"] and row["source"] for row in rows)
    assert main(["data", "list"]) == 0
    assert "Cordts et al." in capsys.readouterr().out


def test_a_sheet_shows_pictures_labels_and_objects_and_the_table_counts_them(tmp_path, capsys):
    tree = releases.cityscapes(tmp_path / "raw")
    out = tmp_path / "sheet.png"
    given = ["--set", f"root={tree}", "validation=1", "--out", str(out)]
    assert main(["data", "show", "cityscapes", *given]) == 0
    said = capsys.readouterr()
    assert "test: 2 images, 9.0 instances each, 9 at most" in said.out
    assert "2 of 2 images of test" in said.out
    assert "cityscapes has 3 pictures in train, but 2,975 are published" in said.err
    with Image.open(out) as sheet:
        colors = {color for _, color in sheet.convert("RGB").getcolors(2**24) or []}
    assert (220, 20, 60) in colors, "a person's color in Cityscapes"


def test_a_prepared_folder_is_shown_and_counted_whole(prepared, tmp_path, capsys):
    given = ["--split", "train", "--images", "2", "--out", str(tmp_path / "sheet.png"), "--json"]
    assert main(["data", "show", str(prepared), *given]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["splits"]["train"]["pictures"] == 6
    assert sum(row["pixels"] for row in said["classes"]) == pytest.approx(1)
    assert said["classes"][0]["pictures"] == 1


def test_a_check_reads_everything_and_tells_all_that_does_not_fit(tmp_path, capsys):
    tree = releases.deepfashion(tmp_path / "raw")
    first, second, third, *_ = sorted((tree / "cihp_train_mask").iterdir())
    first.unlink()
    second.write_bytes(b"no map")
    releases.save(third, np.full((256, 256), 9, np.uint8))
    assert main(["data", "check", "deepfashion", "--set", f"root={tree}", "validation=0"]) == 2
    said = capsys.readouterr()
    assert "3 of 6 pictures of deepfashion do not fit" in said.err
    assert f"{second} (it is no picture)" in said.err
    assert "run from 9 to 9, but the data set has 8 classes (0 to 7)" in said.err
    assert "set datasets.deepfashion.relabel: {9: 0}" in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_a_check_ends_well_where_what_does_not_fit_may_be_left_out_and_something_is_left(tmp_path, capsys):
    folder(tmp_path, pictures=6)
    given = ["--set", f"root={tmp_path}", "size=[8,8]", "classes=[sky,tree]", "validation=0", "--skip-bad"]
    first, *others = sorted((tmp_path / "labels").iterdir())
    first.write_bytes(b"no map")
    assert main(["data", "check", "folder", *given]) == 0
    assert f"would be left out: cannot read {first}" in capsys.readouterr().err
    for other in others:
        other.write_bytes(b"no map")
    assert main(["data", "check", "folder", *given]) == 2


def test_a_check_in_json_names_every_problem(tmp_path, capsys):
    folder(tmp_path, pictures=30)
    for path in (tmp_path / "labels").iterdir():
        releases.save(path, np.full((8, 8), 9, np.uint8))
    (tmp_path / "labels" / "p00.png").unlink()
    given = ["--set", f"root={tmp_path}", "size=[8,8]", "classes=[sky,tree]", "--json"]
    assert main(["data", "check", "folder", *given]) == 2
    said = capsys.readouterr()
    problems = json.loads(said.out)["problems"]
    assert {problem["key"] for problem in problems} == {f"p{number:02d}" for number in range(30)}
    assert all(f"{problem['key']}" in problem["why"] for problem in problems)
    assert "and 10 more" in said.err


def folder(root, *, pictures):
    for number in range(pictures):
        releases.save(root / "images" / f"p{number:02d}.png", releases.photograph(number, height=8, width=8))
        releases.save(root / "labels" / f"p{number:02d}.png", releases.blocks(number, [0, 1], height=8, width=8))


@pytest.mark.parametrize("classes", ["[sky, old tree]", '["sky", "old tree"]'])
def test_settings_are_read_as_params_has_them(tmp_path, capsys, classes):
    folder(tmp_path, pictures=6)
    given = ["--set", f"root={tmp_path}", "size=[8,8]", f"classes={classes}", "--json"]
    assert main(["data", "check", "folder", *given]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in said["classes"]] == ["sky", "old tree"]
    assert said["problems"] == []


def test_a_remedy_with_braces_can_be_given_as_it_is_told(tmp_path):
    tree = releases.deepfashion(tmp_path / "raw")
    releases.save(min((tree / "cihp_train_mask").iterdir()), np.full((256, 256), 9, np.uint8))
    given = ["--set", f"root={tree}", "validation=0"]
    assert main(["data", "check", "deepfashion", *given]) == 2
    assert main(["data", "check", "deepfashion", *given, "relabel={9: 0}"]) == 0


@pytest.mark.parametrize(("size", "width"), [("[8,512]", 816), ("[8,128]", 816), ("[100,100]", 648), ("[8,8]", 432)])
def test_no_picture_on_a_sheet_is_wider_than_a_tile(tmp_path, size, width):
    folder(tmp_path / "raw", pictures=6)
    given = ["--set", f"root={tmp_path / 'raw'}", f"size={size}", "classes=[sky,tree]"]
    assert main(["data", "show", "folder", *given, "--out", str(tmp_path / "sheet.png")]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == width


def test_one_picture_is_no_pictures(tmp_path, capsys):
    folder(tmp_path, pictures=1)
    given = ["--set", f"root={tmp_path}", "size=[8,8]", "classes=[sky,tree]", "validation=0", "test=0"]
    assert main(["data", "show", "folder", *given, "--out", str(tmp_path / "sheet.png")]) == 0
    said = capsys.readouterr().out
    assert "train: 1 image, " in said
    assert "1 of 1 image of train" in said


def test_a_data_set_that_is_whole_passes_its_check(tmp_path, capsys):
    tree = releases.deepfashion(tmp_path / "raw")
    assert main(["data", "check", "deepfashion", "--set", f"root={tree}", "validation=1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {split: each["pictures"] for split, each in said["splits"].items()} == {
        "train": 3,
        "validation": 1,
        "test": 2,
    }


def test_a_prepared_folder_in_which_a_byte_changed_does_not_pass(prepared, capsys):
    assert main(["data", "check", str(prepared)]) == 0
    path = prepared / "test-00000.arrow"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert main(["data", "check", str(prepared)]) == 2
    assert "does not have the checksum that it was written with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["nothing"], "'nothing' is no prepared folder and no data set; there are: ade20k, celebamask"),
        (["cityscapes", "--set", "root"], "--set root: write KEY=VALUE"),
        (["cityscapes"], "datasets.cityscapes.root: is missing"),
        (
            ["cityscapes", "--set", "root=x", "crop=3"],
            "datasets.cityscapes.crop: there is no such key; there are: root",
        ),
        (["cityscapes", "--set", "root=nowhere"], "there is no folder, zip or tar file nowhere; set root"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(given, message, capsys):
    assert main(["data", "check", *given]) == 2
    assert message in capsys.readouterr().err
