"""params.yaml and the registries say the same, and mistakes are told all at once."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines import params
from smis.core.errors import ParamsError
from smis.models.system_registry import SYSTEMS

ROOT = Path(__file__).parents[2]
RAW = yaml.safe_load((ROOT / "params.yaml").read_text())


def test_the_committed_params_load() -> None:
    assert params.check(ROOT / "params.yaml").system == ["groupdnet", "inade", "vspade"]


def test_train_depends_on_the_file_that_its_first_weights_come_from() -> None:
    train = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]
    assert "${train.init_from}" in train["deps"]
    assert RAW["train"]["init_from"] == params.DRAWN
    assert (ROOT / params.DRAWN).is_file()


def test_every_registered_system_has_a_section() -> None:
    assert set(RAW["systems"]) == set(SYSTEMS)


def test_all_mistakes_are_told_at_once_with_their_paths(tmp_path: Path) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["systems"]["groupdnet"]["widht"] = 3
    raw["train"]["steps"] = -1
    raw["tarin"] = {}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParamsError) as caught:
        params.check(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "params.yaml does not fit:"
    assert "  tarin: there is no such section" in lines
    assert any("systems.groupdnet.widht: there is no such key; there are: width" in line for line in lines)
    assert any(line.startswith("  train.steps: Input should be greater than") for line in lines)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"cannot read .*: no such file or directory; run this in"):
        params.check(tmp_path / "params.yaml")


def test_a_system_that_is_not_there_is_named(tmp_path: Path) -> None:
    raw = {**RAW, "axes": {"dataset": ["paperdoll"], "system": ["gruopdnet"], "seed": [0]}}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParamsError, match=r"systems.gruopdnet: there is no such section; there are: .*groupdnet"):
        params.check(path)


def test_old_names_are_refused_with_the_new_one(tmp_path: Path) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["train"]["rate_generator"] = raw["train"].pop("lr_generator")
    raw["systems"]["inade"] |= {"gain": 0.02, "losses": {"divergence": 0.05}}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParamsError) as caught:
        params.check(path)
    lines = str(caught.value).splitlines()
    assert "  train.rate_generator: was renamed; it is called lr_generator now" in lines
    assert "  systems.inade.gain: was renamed; it is called init_gain now" in lines
    assert "  systems.inade.losses.divergence: was renamed; it is called kl now" in lines


def test_what_make_photographs_sets_fits_params_yaml(tmp_path: Path) -> None:
    command = _make("--dry-run", folder=ROOT).stdout
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    for place, value in re.findall(r"--set-param '?([\w.]+)=([^'\s]+)", command):
        *sections, key = place.split(".")
        section = raw
        for name in sections:
            section = section[name]
        section[key] = yaml.safe_load(value)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw))
    axes = params.check(path)
    assert axes.dataset == ["clothing"]
    assert {name for name, section in raw["systems"].items() if section["preset"] == "clothing"} == set(axes.system)


def test_make_photographs_without_photographs_says_where_they_are_from(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    ended = _make("--silent", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout.startswith("error: there is no raw/clothing; download photos, annotations/pixel-level and ")
    assert ended.stdout.endswith(
        "github.com/bearpaw/clothing-co-parsing and link their folder: ln -s FOLDER raw/clothing\n"
    )


def _make(*options: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = ["make", *options, "--old-file", "install", "photographs"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
