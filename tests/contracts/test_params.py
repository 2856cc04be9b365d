"""params.yaml and the registries say the same, and mistakes are told all at once."""

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
    raw = {**RAW, "axes": {"dataset": ["paperdoll"], "system": ["gruopdnet"]}}
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
