"""What a person can fix: one line, exit code 2, nothing half-written. Labels: test_prepare, shards: test_train."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cells import PARAMS, lay_out

ROOT = Path(__file__).parents[2]
OTHERS = ("prepare", "reference", "segmenter", "evaluate", "report")


def told(folder: Path, *module: str) -> list[str]:
    """Run a module in the folder, which must end with exit code 2; return what it says, without the progress."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SMIS_TRACKING": "off", "OMP_NUM_THREADS": "1"}
    env |= {"TORCH_HOME": str(folder / "nothing-downloaded")}
    words = [sys.executable, "-m", *module]
    ran = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 2, ran.stderr
    return [line for line in ran.stderr.splitlines() if not line.startswith("training ")]


def change(folder: Path, section: str, **values: object) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    lay_out(tmp_path, steps=2)
    return tmp_path


def test_all_wrong_parameters_are_told_at_once_with_what_is_allowed(cell: Path) -> None:
    before = files(cell)
    change(cell, "train", steps=-1, stepz=3)
    change(cell, "axes", system=["groupdnet", "gropudnet"])
    with (cell / "params.yaml").open("a") as file:
        file.writelines(f"{name}: {{}}\n" for name in OTHERS)
    lines = told(cell, "pipelines.params")
    assert lines[0].startswith("error: params.yaml")
    assert len(lines) == 4
    assert any("train.steps" in line and "greater than 0" in line and "-1" in line for line in lines)
    assert any("train.stepz" in line and "steps" in line for line in lines)
    assert any("systems.gropudnet" in line and "groupdnet" in line for line in lines)
    assert files(cell) == before


def test_a_missing_weight_is_named_with_its_source(cell: Path) -> None:
    before = files(cell)
    systems = PARAMS["systems"]["groupdnet"]
    change(cell, "systems", groupdnet=systems | {"perceptual": {"network": "vgg19"}})
    (line,) = told(cell, "pipelines.train", "paperdoll", "groupdnet", "0")
    assert line.startswith("error: the weights 'vgg19' (vgg19-dcbb9e9d.pth) are not on this machine; download https://")
    assert line.endswith("or put the file into the folder that $SMIS_WEIGHTS names")
    assert files(cell) == before


def test_a_place_that_cannot_be_written_is_named_and_keeps_what_was_learned(cell: Path) -> None:
    (cell / "runs").write_text("a file in place of the folder")
    (line,) = told(cell, "pipelines.train", "paperdoll", "groupdnet", "0")
    assert line.startswith("error: cannot write runs/paperdoll/groupdnet/seed-0")
    assert list(cell.glob(".scratch/*/states/step-*.pt")), "the run can go on when the place is free"
