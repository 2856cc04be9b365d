from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.core import checkpoint_path
from smis.zoo.card import read_card
from smis.zoo.collection import add_model
from tests import checkpoints
from tests.zoo import card, settled


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return settled.write(tmp_path_factory.mktemp("trained") / "checkpoint.safetensors", "inade")


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one label map."""
    folder = tmp_path_factory.mktemp("labels")
    height, width = checkpoints.SIZE
    bars = np.broadcast_to(np.arange(width) * 5 // width, (height, width)).astype(np.uint8)
    Image.fromarray(bars).save(folder / "bars.png")
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, labels: Path) -> Path:
    """A zoo of one model, `inade-paperdoll`."""
    root = tmp_path_factory.mktemp("zoo")
    described = read_card(card.write(root / "card.yaml"))
    add_model(checkpoint, described, labels=labels, out=root / "models" / "inade-paperdoll")
    return root / "models"


@pytest.fixture
def zoo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same in the place of the package's own."""
    monkeypatch.setattr(checkpoint_path, "ZOO", folder)
    return folder
