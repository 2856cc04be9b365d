"""`smis study create` and `report`, end to end."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.cli import main
from smis.studio.study.study_file import StudyFile
from tests import checkpoints
from tests.studio.study import studies

HEIGHT, WIDTH = checkpoints.SIZE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints, label maps, and pictures of another model: class-1/a_00.png ..., everything/a_00.png ..."""
    root = tmp_path_factory.mktemp("study")
    for name in ("groupdnet", "inade"):
        checkpoints.write(root / f"{name}.safetensors", name)
    (root / "labels").mkdir()
    (root / "alone").mkdir()
    (root / "alone" / "inade.safetensors").symlink_to(root / "inade.safetensors")
    bars = np.broadcast_to(np.arange(WIDTH) * 5 // WIDTH, (HEIGHT, WIDTH)).astype(np.uint8)
    numbers = np.random.default_rng(0)
    for stem in ("a", "b"):
        Image.fromarray(bars).save(root / "labels" / f"{stem}.png")
        for part in ("class-1", "everything"):
            (root / "other" / part).mkdir(parents=True, exist_ok=True)
            for number in range(4):
                pixels = numbers.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / "other" / part / f"{stem}_{number:02d}.png")
    return root


def run(folder: Path, line: str, *, code: int = 0) -> None:
    """Run a command of the verb; paths begin with `@`."""
    assert main(["study", *(word.replace("@", f"{folder}/") for word in line.split())]) == code


def test_checkpoints_and_pictures_of_another_model_make_one_study(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    systems = "@groupdnet.safetensors mine=@other --labels @labels --device cpu"
    run(folder, f"create {tmp_path}/study {systems} --pairs 2 --practice 1")
    told = capsys.readouterr().out
    assert told.startswith("4 trials of 2 systems, 2 catch trials and 1 for practice in ")
    with StudyFile(tmp_path / "study") as study:
        assert study.settings.systems == ["groupdnet", "mine"]
        assert {study.trials[number].region for number in study.scored} == {"hair"}
        assert study.digest[:16] in told


def test_one_seed_makes_one_study(folder: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        line = f"create {tmp_path}/{name} @inade.safetensors --labels @labels --pairs 2 --seed {seed} --device cpu"
        run(folder, line)
    digests = []
    for name in ("first", "again", "other"):
        with StudyFile(tmp_path / name) as study:
            digests.append(study.digest)
    assert digests[0] == digests[1] != digests[2]


def test_preference_takes_single_pictures(folder: Path, tmp_path: Path) -> None:
    systems = "everything=@other/everything one=@other/class-1"
    run(folder, f"create {tmp_path}/study --task preference {systems} --pairs 2 --practice 0")
    with StudyFile(tmp_path / "study") as study:
        assert {study.trials[number].label_map for number in study.scored} == {"a", "b"}


def test_the_report_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StudyFile(studies.write(tmp_path / "study")) as study:
        for _ in range(3):
            studies.answer_all(study, {"system 1": studies.NO})
    run(tmp_path, "report @study --out @out.json --votes @votes.csv --resamples 50")
    told = capsys.readouterr().out
    assert "counted: 24 votes of 3 of 3 volunteers" in told
    assert "100.00 (100.00 to 100.00)" in told
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["systems"]["system 1"]["SHE"]["value"] == 0
    assert len(found["systems"]["system 1"]["SHE"]["draws"]) == 50
    with (tmp_path / "votes.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 30
    run(tmp_path, "report @study --json --resamples 50")
    printed = json.loads(capsys.readouterr().out)
    assert printed["systems"]["system 0"]["SHE"]["interval"] == [100, 100]
    assert "draws" not in printed["systems"]["system 0"]["SHE"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("create @new @none.safetensors --labels @labels", "there is no checkpoint"),
        ("create @new @alone/inade.safetensors", "there are no label maps beside"),
        ("create @labels @inade.safetensors --labels @labels", "exists, and what is in a study never changes"),
        ("create @new mine=@other --pairs 50", "give fewer --pairs"),
        ("create @new mine=@other --task preference", "there is no image in"),
        ("create @new mine=@other --classes hair", "has no pictures of hair"),
        ("create @new mine=@other --consent @none.txt", "--consent: "),
        ("report @none", "there is no study at"),
        ("report @inade.safetensors", "cannot be read as a study"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    run(folder, line, code=2)
    errors = capsys.readouterr().err.splitlines()
    assert [error for error in errors if error.startswith("error: ")] == errors
    assert told in errors[0]
    assert not (folder / "new").exists()
