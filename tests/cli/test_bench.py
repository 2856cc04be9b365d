import json
from pathlib import Path
from typing import Any

import pytest

from smis.cli import main

SMALL = ("--preset", "paperdoll", "--batch", "2", "--repeats", "1", "--threads", "1")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["bench", *words, *SMALL, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("system", ["groupdnet", "bicyclegan"])
def test_the_parts_of_a_training_step_add_up_to_it(system: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "train", "--system", system, "--device", "cpu")
    parts = found["seconds"]
    assert {"generator", "encoder", "discriminator", "optimizer", "data"} <= set(parts)
    assert sum(parts.values()) == pytest.approx(found["step_seconds"])
    assert found["images_per_second"] == pytest.approx(2 / found["step_seconds"])
    assert 0 < found["achieved"] < 1
    assert found["asked"] == {
        **{"what": "train", "system": system, "preset": "paperdoll", "batch": 2, "repeats": 1, "threads": 1},
        **{"device": "cpu", "precision": "float32", "accumulate": 1, "processes": 1},
    }


def test_two_processes_are_compared_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "train", "--system", "groupdnet", "--device", "cpu", "--processes", "2")
    many = found["processes"]
    assert "communication" in many["seconds"]
    assert found["efficiency"] == pytest.approx(many["images_per_second"] / 2 / found["images_per_second"])


def test_drawing_and_encoding_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = told(capsys, "sample", "--system", "inade", "--device", "cpu")
    encoded = told(capsys, "encode", "--system", "groupdnet", "--device", "cpu", "--precision", "bf16")
    for found in (drawn, encoded):
        assert found["images_per_second"] > 0
        assert found["flops_per_image"] > 1e6
        assert found["machine"]["device"] == "cpu"


def test_the_loader_is_timed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "loader")
    assert found["images"] == 256
    assert found["megabytes_per_second"] == pytest.approx(found["images_per_second"] * 64 * 64 * 6 / 1e6)


def test_a_person_sees_a_line_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "train", "--system", "vspade", "--device", "cpu", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("what train preset paperdoll batch 2")
    assert any(line.strip().startswith("discriminator") and "%" in line for line in lines)


def test_what_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["bench", "train", "--system", "mulnet", "--preset", "nowhere"]) == 2
    assert "mulnet has no preset 'nowhere'; it has: " in capsys.readouterr().err
    assert main(["bench", "encode", "--system", "spade", "--preset", "paperdoll"]) == 2
    assert "spade has no encoder; ask for `sample`" in capsys.readouterr().err
    assert main(["bench", "loader", "--data", str(tmp_path)]) == 2
