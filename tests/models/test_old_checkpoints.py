"""Checkpoints whose configuration has names that were changed since."""

import json
from pathlib import Path

import pytest
import torch

import smis
from smis.core.config import RENAMED
from smis.training.export import load_weights, save_weights
from tests import checkpoints

OLD = {new: old for old, new in RENAMED.items()}


@pytest.mark.parametrize("name", ["groupdnet", "inade"])
def test_a_checkpoint_with_the_old_names_gives_the_same_image(tmp_path: Path, name: str) -> None:
    new, old = checkpoints.write(tmp_path / "new.safetensors", name), tmp_path / "old.safetensors"
    tensors, metadata = load_weights(new)
    config = json.loads(metadata["config"])
    config["losses"] = {OLD.get(key, key): value for key, value in config["losses"].items()}
    config = {OLD.get(key, key): value for key, value in config.items()}
    assert "gain" in config
    assert "divergence" in config["losses"]
    save_weights(old, tensors, metadata=metadata | {"config": json.dumps(config)})
    labels = (torch.arange(checkpoints.SIZE[1]) // 16 % 3).expand(1, *checkpoints.SIZE).contiguous()
    images = [smis.load(path, device="cpu")(labels) for path in (new, old)]
    assert torch.equal(*images)
