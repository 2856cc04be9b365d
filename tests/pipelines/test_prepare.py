import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipelines.prepare import prepare
from pipelines.prepare import run as stage
from smis.core.errors import DataError, DiskError, ParamsError
from smis.data.shards import Prepared
from smis.data.writer import PrepareConfig
from smis.datasets.deepfashion import Config as Official
from smis.datasets.folder import Config
from smis.datasets.io.problems import Problem
from tests.datasets import releases
from tests.photographs import lay_out

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def photographs(tmp_path):
    """The section of a folder with two photographs."""
    return lay_out(tmp_path / "photographs")


@pytest.fixture(autouse=True)
def in_one_process(monkeypatch):
    monkeypatch.setenv("SMIS_WORKERS", "1")


def write(section, path, **config):
    reader = Config.check(section, source="params.yaml").build()
    prepare(reader, path, config=PrepareConfig(**config), scratch=path.parent / ".scratch")
    return reader


def run(folder: Path, section: dict, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the stage as DVC does."""
    params = {"prepare": {"encoding": "raw", "shard_mib": 128}, "datasets": {"folder": section}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    command = [sys.executable, "-m", "pipelines.prepare", "folder", *options]
    more = {"PYTHONPATH": str(REPOSITORY), **environment}
    return subprocess.run(command, cwd=folder, env=os.environ | more, capture_output=True, text=True, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_real_photographs_become_a_prepared_data_set(photographs, tmp_path, capsys):
    reader = write(photographs | {"ignore": 255}, tmp_path / "data" / "folder")
    prepared = Prepared(tmp_path / "data" / "folder")
    assert (prepared.dataset, prepared.ignored) == ("folder", {13})
    assert prepared.classes == [*photographs["classes"], "unlabeled"]
    assert prepared.palette == reader.palette
    for split in reader.splits:
        read = prepared.split(split)
        assert len(read) == reader.count(split)
        for number in (0, len(read) - 1):
            asked = reader.read(split, number)
            assert np.array_equal(read[number].image, asked.image)
            assert np.array_equal(read[number].instances, asked.instances)
    said = capsys.readouterr()
    assert "334 train, 58 validation, 58 test; 14 classes, 64 x 64 pixels (height x width)" in said.out
    assert "preparing folder: 450/450 pictures" in said.err


def test_many_processes_write_the_same_bytes_as_one(photographs, tmp_path):
    write(photographs, tmp_path / "data" / "folder")
    ran = run(tmp_path / "photographs", photographs, SMIS_WORKERS="2")
    assert ran.returncode == 0, ran.stderr
    assert "Warning" not in ran.stderr
    assert contents(tmp_path / "photographs" / "data" / "folder") == contents(tmp_path / "data" / "folder")


def test_many_processes_read_one_archive_and_write_what_one_writes(tmp_path):
    archive = releases.packed(releases.deepfashion(tmp_path / "raw", train=70), tmp_path / "raw.zip")
    section = {"root": archive, "validation": 3}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"prepare": {}, "datasets": {"deepfashion": section}}))
    prepare(Official.check(section, source="").build(), tmp_path / "one", config=PrepareConfig(), scratch=tmp_path)
    command = [sys.executable, "-m", "pipelines.prepare", "deepfashion"]
    more = {"PYTHONPATH": str(REPOSITORY), "SMIS_WORKERS": "2"}
    subprocess.run(command, cwd=tmp_path, env=os.environ | more, check=True, timeout=120)
    one, two = Prepared(tmp_path / "one"), Prepared(tmp_path / "data" / "deepfashion")
    assert [entry.checksum for entry in one.header.shards] == [entry.checksum for entry in two.header.shards]
    assert len(two.split("train")) == 67


def test_a_label_out_of_range_ends_as_one_line_and_leaves_nothing(photographs, tmp_path):
    path = tmp_path / "photographs" / "labels" / "voc-test.png"
    labels = np.asarray(Image.open(path)).copy()
    labels[5, 7] = 255
    Image.fromarray(labels).save(path)
    ran = run(tmp_path / "photographs", photographs, SMIS_WORKERS="2")
    assert ran.returncode == 2
    assert [line for line in ran.stderr.splitlines() if not line.startswith("preparing ")] == [
        f"error: labels of {path} run from 0 to 255, but the data set has 13 classes (0 to 12); "
        "was 255 left in as 'unlabeled'? set datasets.folder.ignore: 255"
    ]
    assert list((tmp_path / "photographs" / "data").iterdir()) == []


def spoilt(section):
    """Make three of six pictures unfit, each in another way; return the root."""
    root = Path(section["root"])
    (root / "labels" / "voc-train.png").unlink()
    (root / "images" / "arc2017-test.png").write_bytes(b"no picture")
    ids = np.full_like(np.asarray(Image.open(root / "labels" / "voc-test.png")), 200)
    Image.fromarray(ids).save(root / "labels" / "voc-test.png")
    return root


def test_all_problems_are_told_at_once_with_their_files(photographs, tmp_path):
    section = {key: photographs[key] for key in ("root", "classes")} | {"size": [64, 64], "validation": 0, "test": 0}
    root = spoilt(section)
    (root / "labels" / "voc-train.png").write_bytes(b"no map")
    with pytest.raises(DataError) as caught:
        write(section, tmp_path / "data" / "folder")
    head, *lines, remedy = str(caught.value).replace(f"{root}/", "").splitlines()
    assert head == "3 of 6 pictures of folder do not fit:"
    assert [" ".join(line.split()[:4]) for line in lines] == [
        "cannot read images/arc2017-test.png (it",
        "labels of labels/voc-test.png run",
        "cannot read labels/voc-train.png (it",
    ]
    assert remedy.endswith("set prepare.skip_bad: true to go on without them")
    assert not (tmp_path / "data" / "folder").exists()


def test_where_all_are_wrong_the_first_tell_enough(photographs, tmp_path, monkeypatch):
    section = photographs | {"classes": ["sky"], "validation": 0, "test": 0}
    section = {key: value for key, value in section.items() if key not in ("tile", "stride")} | {"size": [64, 64]}
    monkeypatch.setattr(stage, "_MAX_FIRST_PROBLEMS", 4)
    with pytest.raises(DataError, match=r"^4 of 4 pictures of folder, the first of 6, do not fit:\n  labels of"):
        write(section, tmp_path / "data" / "folder")
    monkeypatch.setattr(stage, "_MAX_FIRST_PROBLEMS", 64)
    with pytest.raises(DataError, match=r"^6 of 6 pictures of folder do not fit:\n  labels of"):
        write(section, tmp_path / "data" / "folder")


def test_what_does_not_fit_is_left_out_though_it_comes_first(photographs, tmp_path, monkeypatch):
    section = {key: photographs[key] for key in ("root", "classes")} | {"size": [64, 64], "validation": 0, "test": 0}
    spoilt(section)
    monkeypatch.setattr(stage, "_MAX_FIRST_PROBLEMS", 1)
    write(section, tmp_path / "data" / "folder", skip_bad=True)
    assert len(Prepared(tmp_path / "data" / "folder").split("train")) == 3


def test_names_that_do_not_pair_are_told_before_anything_is_read(photographs, tmp_path):
    root = spoilt(photographs)
    (root / "labels" / "nobody.png").touch()
    with pytest.raises(
        DataError, match=r"2 of \d+ pictures of folder do not fit:\n.*nobody\.png belongs to no picture"
    ):
        write(photographs | {"tile": None, "stride": None, "validation": 0, "test": 0}, tmp_path / "data" / "folder")


def test_what_does_not_fit_is_left_out_when_asked_for_and_listed(photographs, tmp_path, capsys):
    section = {key: photographs[key] for key in ("root", "classes")} | {"size": [64, 64], "validation": 0, "test": 0}
    spoilt(section)
    write(section, tmp_path / "data" / "folder", skip_bad=True)
    assert set(Prepared(tmp_path / "data" / "folder").split("train").keys) == {
        "arc2017-train",
        "arc2017-validation",
        "voc-validation",
    }
    listed = json.loads((tmp_path / "data" / "folder" / "left_out.json").read_text())
    assert [(row["key"], row["split"]) for row in listed] == [
        ("voc-train", "train"),
        ("arc2017-test", "train"),
        ("voc-test", "train"),
    ]
    assert "left out 3 that do not fit" in capsys.readouterr().out
    assert run(tmp_path / "photographs", section, "--skip-bad").returncode == 0
    assert contents(tmp_path / "photographs" / "data" / "folder") == contents(tmp_path / "data" / "folder")


KILLING = """
import os, signal, sys
from pathlib import Path
from pipelines.prepare import run as stage
from smis.core.progress import ProgressBar
from smis.data.writer import ShardWriter

add = ShardWriter.add
def add_or_die(self, rows, *, after=None):
    add(self, rows, after=after)
    if after == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
ShardWriter.add = add_or_die
stage.main("folder")
"""


def test_a_run_that_was_killed_goes_on_at_its_shard_and_ends_like_one_that_was_not(photographs, tmp_path):
    section = photographs | {"stride": 10}
    write(section, tmp_path / "data" / "folder", shard_mib=2)
    root = tmp_path / "photographs"
    params = {"prepare": {"shard_mib": 2}, "datasets": {"folder": section}}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "SMIS_WORKERS": "1"}
    command = [sys.executable, "-c", KILLING, "7"]
    killed = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (scratch,) = (root / ".scratch").iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in scratch.glob("*.arrow")}
    assert len(before) == 3
    (scratch / ".train-00003.arrow.99.part").write_bytes(b"half a shard")
    assert not (root / "data" / "folder").exists()
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines.prepare", "folder"],
        cwd=root,
        env=environment,
        capture_output=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    prepared = root / "data" / "folder"
    assert {name: (prepared / name).stat().st_mtime_ns for name in before} == before
    assert contents(prepared) == contents(tmp_path / "data" / "folder")
    assert [path.name.split("-")[0] for path in (root / ".scratch").iterdir()] == ["kept"]


def test_changed_pictures_are_not_gone_on_with(photographs, tmp_path):
    path = tmp_path / "data" / "folder"
    stale = path.parent / ".scratch" / "prepare-folder-0123456789abcdef"
    stale.mkdir(parents=True)
    write(photographs, path)
    assert not stale.exists()
    assert "left_out.json" not in contents(path)


def test_a_mistake_leaves_what_was_prepared_before(photographs, tmp_path):
    path = tmp_path / "data" / "folder"
    write(photographs, path)
    before = contents(path)
    with pytest.raises(DataError, match="run from 0 to 12, but the data set has 12 classes"):
        write(photographs | {"classes": photographs["classes"][:-1]}, path)
    assert contents(path) == before


def test_a_place_that_cannot_be_written_is_one_line(photographs, tmp_path):
    (tmp_path / "data").write_text("a file in place of the folder")
    with pytest.raises(DiskError, match=r"cannot write .*data/folder: "):
        write(photographs, tmp_path / "data" / "folder")


def test_pictures_are_encoded_when_asked_for(photographs, tmp_path):
    section = photographs | {"tile": 80, "stride": 80, "size": [96, 96]}
    for encoding in ("raw", "png", "jpeg"):
        write(section, tmp_path / encoding, encoding=encoding)
    raw, png, jpeg = (Prepared(tmp_path / encoding).split("train") for encoding in ("raw", "png", "jpeg"))
    assert np.array_equal(raw[3].image, png[3].image)
    assert np.array_equal(raw[3].labels, jpeg[3].labels)
    sizes = [sum(map(len, contents(split.folder).values())) for split in (raw, png, jpeg)]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("given", ["0", "-1", "all"])
def test_a_number_of_workers_that_is_none_is_refused(photographs, tmp_path, monkeypatch, given):
    monkeypatch.setenv("SMIS_WORKERS", given)
    with pytest.raises(ParamsError, match=f"SMIS_WORKERS is '{given}', but it is a number of processes, 1 to 1024"):
        write(photographs, tmp_path / "data")


def test_a_reader_without_pictures_is_refused(tmp_path):
    class Nothing:
        classes, palette, splits = ["sky"], [(0, 0, 0)], ("train",)
        fingerprint, settings = "", ""
        problems: Sequence[Problem] = ()
        warnings: Sequence[str] = ()
        ignored: Sequence[int] = ()
        crop: tuple[int, int] | None = None

        def count(self, split):
            return 0

        def key(self, split, index, /):
            raise AssertionError("nothing has no name")

        def source(self, split, index, /):
            raise AssertionError("nothing is made of nothing")

        def read(self, split, index, /):
            raise AssertionError("nothing is read where there is nothing")

    with pytest.raises(ParamsError, match=r"datasets\.nothing: there are no pictures in any split"):
        prepare(Nothing(), tmp_path / "nothing", config=PrepareConfig(), scratch=tmp_path)


def test_params_are_the_sections_of_the_stage():
    assert set(stage.Params.model_fields) == {"prepare", "dataset"}
