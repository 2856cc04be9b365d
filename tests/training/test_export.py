import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from smis.core.config import Config
from smis.core.errors import CheckpointError, DiskError
from smis.core.registry import Registry
from smis.training.export import load_system, load_weights, save_weights, tensors_of

METADATA = {
    "system": "toy", "config": "{}", "classes": '["a", "b", "c"]', "palette": "[[0, 0, 0], [9, 9, 9], [1, 2, 3]]",
    "height": "8", "width": "8", "dataset": "made", "step": "7",
}  # fmt: skip


def _saved(toy: ModuleType, path: Path) -> Any:
    system = toy.Toy()
    save_weights(path, tensors_of({"generator": system.generator, "encoder": system.encoder}), metadata=METADATA)
    return system


@pytest.fixture
def systems(toy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Registry:
    class ToyConfig(Config):
        def build(self, *, classes: int, height: int, width: int, training: bool) -> torch.nn.Module:
            assert (classes, height, width, training) == (3, 8, 8, False)
            return toy.Toy()

    monkeypatch.setattr(toy, "ToyConfig", ToyConfig, raising=False)
    return Registry("system", {"toy": f"{toy.__name__}:ToyConfig"})


def test_weights_come_back_with_what_the_file_says_about_itself(toy: ModuleType, tmp_path: Path) -> None:
    system = _saved(toy, tmp_path / "checkpoint.safetensors")
    tensors, metadata = load_weights(tmp_path / "checkpoint.safetensors")
    assert metadata == {"format": "1", **METADATA}
    assert tensors["generator.last.weight"].equal(system.generator.last.weight)
    assert not any(name.startswith("discriminator") for name in tensors)


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    tensors = {"b": torch.ones(3), "a": torch.arange(4), "c": torch.ones(4, 2).T}
    for name in ("one", "other"):
        save_weights(tmp_path / name, tensors, metadata=METADATA)
    content = (tmp_path / "one").read_bytes()
    assert content == (tmp_path / "other").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert list(header["__metadata__"]) == sorted({"format", *METADATA})


def test_a_checkpoint_names_its_system_which_is_built_and_filled(
    toy: ModuleType, systems: Registry, tmp_path: Path
) -> None:
    saved = _saved(toy, tmp_path / "checkpoint.safetensors")
    trained = load_system(tmp_path / "checkpoint.safetensors", systems)
    assert not trained.system.generator.training
    for network in ("generator", "encoder"):
        torch.testing.assert_close(getattr(trained.system, network).state_dict(), getattr(saved, network).state_dict())


def test_a_checkpoint_that_does_not_fit_its_system_is_refused(systems: Registry, tmp_path: Path) -> None:
    save_weights(tmp_path / "checkpoint.safetensors", {"generator.x": torch.ones(1)}, metadata=METADATA)
    with pytest.raises(CheckpointError, match=r"does not fit its system's generator: first.weight_orig .* is missing"):
        load_system(tmp_path / "checkpoint.safetensors", systems)


def test_a_missing_checkpoint_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*run the stage `train` first"):
        load_weights(tmp_path / "checkpoint.safetensors")


def test_a_truncated_checkpoint_is_one_line(toy: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    _saved(toy, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match=r"is broken \(.*train` again"):
        load_weights(path)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "checkpoint.safetensors", {"a": torch.ones(1)}, metadata={"format": "0"})
    with pytest.raises(CheckpointError, match="has format '0', this program reads '1'"):
        load_weights(tmp_path / "checkpoint.safetensors")


def test_a_checkpoint_without_encoder_gives_a_system_without(
    toy: ModuleType, systems: Registry, tmp_path: Path
) -> None:
    saved = toy.Toy()
    save_weights(tmp_path / "checkpoint.safetensors", tensors_of({"generator": saved.generator}), metadata=METADATA)
    trained = load_system(tmp_path / "checkpoint.safetensors", systems)
    assert trained.system.encoder is None
    torch.testing.assert_close(trained.system.generator.state_dict(), saved.generator.state_dict())


def test_who_may_read_a_checkpoint_is_up_to_the_machine(tmp_path: Path) -> None:
    save_weights(tmp_path / "checkpoint.safetensors", {"a": torch.ones(1)}, metadata=METADATA)
    (tmp_path / "usual").touch()
    assert (tmp_path / "checkpoint.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_full_disk_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("smis.core.tensor_files.save_file", full)
    with pytest.raises(DiskError, match=r"cannot write .*checkpoint.safetensors: no space left on device"):
        save_weights(tmp_path / "checkpoint.safetensors", {"a": torch.ones(1)}, metadata=METADATA)
    assert list(tmp_path.iterdir()) == []
