from pathlib import Path

import pytest

from smis.core import checkpoint_path
from smis.core.checkpoint_path import resolve_checkpoint
from smis.core.errors import CheckpointError


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checkpoint_path, "ZOO", tmp_path)
    for name in ("inade-paperdoll", "inade-clothing", "Not_a_name"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "checkpoint.safetensors").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path.parent / "x").mkdir(exist_ok=True)
    return tmp_path


def test_a_model_of_the_zoo_is_a_file_of_the_package(names: Path) -> None:
    assert resolve_checkpoint("zoo:inade-paperdoll") == names / "inade-paperdoll" / "checkpoint.safetensors"
    assert resolve_checkpoint(Path("zoo:inade-clothing")) == names / "inade-clothing" / "checkpoint.safetensors"


def test_a_folder_with_a_checkpoint_is_its_checkpoint(names: Path) -> None:
    assert resolve_checkpoint(names / "inade-paperdoll") == names / "inade-paperdoll" / "checkpoint.safetensors"


@pytest.mark.parametrize("place", ["nowhere.safetensors", "zoo", "a/zoo:inade-paperdoll", "", "\0"])
def test_every_other_path_stays_as_it_is(names: Path, place: str) -> None:
    assert resolve_checkpoint(place) == Path(place)


@pytest.mark.parametrize("typo", ["inade-paperdol", "INADE-paperdoll", "inadepaperdoll"])
def test_a_typo_gets_the_near_name(names: Path, typo: str) -> None:
    with pytest.raises(CheckpointError, match=r"no model '\w+-?\w+'; did you mean zoo:inade-paperdoll\b.*\?$"):
        resolve_checkpoint(f"zoo:{typo}")


@pytest.mark.parametrize(
    "name", ["../x", "..", ".", "/etc", "inade-paperdoll/../../x", "empty", "Not_a_name", "\0", "*"]
)
def test_what_is_no_name_is_refused_with_those_that_there_are(names: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="the zoo has no model") as error:
        resolve_checkpoint(f"zoo:{name}")
    assert "zoo:inade-" in str(error.value)


def test_no_name_lists_what_there_is(names: Path) -> None:
    with pytest.raises(CheckpointError, match=r"names no model; there are: zoo:inade-clothing, zoo:inade-paperdoll$"):
        resolve_checkpoint("zoo:")


def test_a_package_without_models_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_path, "ZOO", tmp_path / "missing")
    with pytest.raises(CheckpointError, match=r"came without models; `smis zoo add` adds one$"):
        resolve_checkpoint("zoo:inade")
