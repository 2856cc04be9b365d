from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from smis.core.errors import CheckpointError
from smis.published.importer import import_checkpoint
from smis.published.release_files import export_released
from smis.training.export import load_weights, save_weights


def imported(files: dict[str, Path], out: Path, code: str) -> Path:
    import_checkpoint(files["generator"], encoder=files.get("encoder"), release=code, preset="paperdoll", out=out)
    return out


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("groupdnet", "smis"),
        ("vspade", "smis"),
        ("inade", "inade"),
        ("spade", "spade"),
        ("clade", "clade"),
        ("sean", "sean"),
        ("oasis", "oasis"),
    ],
)
def test_a_release_comes_back_bit_for_bit_in_its_order(
    release: Callable[..., Any], tmp_path: Path, name: str, code: str
) -> None:
    checkpoint = imported(release(name), tmp_path / "X.safetensors", code)
    export_released(checkpoint, tmp_path / "again")
    for theirs in release(name).values():
        before, after = (torch.load(p, weights_only=True) for p in (theirs, tmp_path / "again" / theirs.name))
        assert list(after) == list(before)
        assert after._metadata == before._metadata
        for key, tensor in before.items():
            assert after[key].dtype == tensor.dtype
            assert after[key].numpy().tobytes() == tensor.numpy().tobytes()
    assert (tmp_path / "again" / "latest_net_E.pth").exists() == ("encoder" in release(name))


def test_files_hold_their_own_tensors_only_and_are_the_same_each_time(
    release: Callable[..., Any], tmp_path: Path
) -> None:
    checkpoint = imported(release("groupdnet"), tmp_path / "X.safetensors", "smis")
    counts = [export_released(checkpoint, tmp_path / folder) for folder in ("one", "other")]
    assert [list(found.values()) for found in counts] == [[222, 19], [222, 19]]
    for theirs in release("groupdnet").values():
        one, other = (tmp_path / folder / theirs.name for folder in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size == pytest.approx(theirs.stat().st_size, rel=0.01)


def test_a_checkpoint_that_does_not_fit_its_system_is_not_exported(release: Callable[..., Any], tmp_path: Path) -> None:
    checkpoint = imported(release("inade"), tmp_path / "X.safetensors", "inade")
    tensors, metadata = load_weights(checkpoint)
    kept = {name: tensor.clone() for name, tensor in tensors.items() if name != "generator.fc.bias"}
    save_weights(tmp_path / "Y.safetensors", kept, metadata=metadata)
    with pytest.raises(CheckpointError, match=r"Y.safetensors does not fit .*: fc.bias \[.*missing"):
        export_released(tmp_path / "Y.safetensors", tmp_path / "again")
    assert not (tmp_path / "again").exists()
