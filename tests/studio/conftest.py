"""A studio with tiny checkpoints of random weights, asked without a socket."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy import ndarray
from starlette.testclient import TestClient

from smis.studio.access import Access
from smis.studio.application import create_app
from smis.studio.encoded_images import map_text
from smis.studio.model_library import ModelLibrary
from smis.studio.model_sources import ModelSource
from smis.studio.service import StudioService
from tests import checkpoints

SYSTEMS = ("inade", "groupdnet", "vspade", "spade")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelSource]:
    folder = tmp_path_factory.mktemp("models")
    paths = {name: checkpoints.write(folder / f"{name}.safetensors", name) for name in SYSTEMS}
    return {name: ModelSource(name, path) for name, path in paths.items()}


@pytest.fixture(scope="session")
def service(sources: dict[str, ModelSource]) -> StudioService:
    return StudioService(ModelLibrary(sources, device="cpu"))


@pytest.fixture
def client(service: StudioService) -> Iterator[TestClient]:
    with TestClient(create_app(service, access=Access()), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def ids() -> ndarray:
    """Upright bars: background, hair, face, top, skin."""
    height, width = checkpoints.SIZE
    return np.broadcast_to(np.arange(width) * 5 // width, (height, width)).astype(np.uint8)


@pytest.fixture
def labels(ids: ndarray) -> str:
    return map_text(ids)


@pytest.fixture
def photograph(tmp_path: Path) -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (*checkpoints.SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photograph.png")
    return (tmp_path / "photograph.png").read_bytes()


def text(data: bytes) -> str:
    """Return bytes as requests have them."""
    return b64encode(data).decode()


def body(model: str, labels: str, *recipes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a request for pictures; without recipes that of seed 7."""
    return {"model": model, "labels": labels, "recipes": [*recipes] or [{"start": {"seed": 7}}], **more}
