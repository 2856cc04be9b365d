import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipelines import prepare as stage
from pipelines.prepare import prepare
from smis.core.errors import DiskError, LabelError, ParamsError
from smis.data.shards import Prepared
from smis.data.writer import PrepareConfig
from smis.datasets.folder import Config
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
    prepare(reader, path, config=PrepareConfig(**config))
    return reader


def run(folder: Path, section: dict, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the stage as DVC does."""
    params = {"prepare": {"encoding": "raw", "shard_mib": 128}, "datasets": {"folder": section}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    command = [sys.executable, "-m", "pipelines.prepare", "folder"]
    more = {"PYTHONPATH": str(REPOSITORY), **environment}
    return subprocess.run(command, cwd=folder, env=os.environ | more, capture_output=True, text=True, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_real_photographs_become_a_prepared_data_set(photographs, tmp_path, capsys):
    reader = write(photographs, tmp_path / "data" / "folder")
    prepared = Prepared(tmp_path / "data" / "folder")
    assert prepared.dataset == "folder"
    assert prepared.classes == photographs["classes"]
    assert prepared.palette == reader.palette
    for split in reader.splits:
        read = prepared.split(split)
        assert len(read) == reader.count(split)
        for number in (0, len(read) - 1):
            asked = reader.read(split, number)
            assert np.array_equal(read[number].image, asked.image)
            assert np.array_equal(read[number].instances, asked.instances)
    said = capsys.readouterr()
    assert "334 train, 58 validation, 58 test; 13 classes, 64 x 64 pixels" in said.out
    assert "preparing folder: 450/450 pictures" in said.err


def test_many_processes_write_the_same_bytes_as_one(photographs, tmp_path):
    write(photographs, tmp_path / "data" / "folder")
    ran = run(tmp_path / "photographs", photographs, SMIS_WORKERS="2")
    assert ran.returncode == 0, ran.stderr
    assert "Warning" not in ran.stderr
    assert contents(tmp_path / "photographs" / "data" / "folder") == contents(tmp_path / "data" / "folder")


def test_a_label_out_of_range_ends_as_one_line_and_leaves_nothing(photographs, tmp_path):
    path = tmp_path / "photographs" / "labels" / "voc-test.png"
    labels = np.asarray(Image.open(path)).copy()
    labels[5, 7] = 255
    Image.fromarray(labels).save(path)
    ran = run(tmp_path / "photographs", photographs, SMIS_WORKERS="2")
    assert ran.returncode == 2
    assert [line for line in ran.stderr.splitlines() if not line.startswith("preparing ")] == [
        f"error: labels of {path} run from 0 to 255, but the data set has 13 classes (0 to 12); "
        "was 255 left in as 'unlabelled'? set datasets.folder.ignore: 255"
    ]
    assert list((tmp_path / "photographs" / "data").iterdir()) == []


def test_a_mistake_leaves_what_was_prepared_before(photographs, tmp_path):
    path = tmp_path / "data" / "folder"
    write(photographs, path)
    before = contents(path)
    with pytest.raises(LabelError, match="run from 0 to 12, but the data set has 12 classes"):
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
    with pytest.raises(ParamsError, match=f"SMIS_WORKERS is '{given}', but it is a number of processes, 1 or more"):
        write(photographs, tmp_path / "data")


def test_a_reader_without_pictures_is_refused(tmp_path):
    class Nothing:
        classes, palette, splits = ["sky"], [(0, 0, 0)], ("train",)

        def count(self, split):
            return 0

        def read(self, split, index, /):
            raise AssertionError("nothing is read where there is nothing")

    with pytest.raises(ParamsError, match=r"datasets\.nothing: there are no pictures in any split"):
        prepare(Nothing(), tmp_path / "nothing", config=PrepareConfig())


def test_params_are_the_sections_of_the_stage():
    assert set(stage.Params.model_fields) == {"prepare", "dataset"}
