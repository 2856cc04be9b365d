"""A workspace's segmenter serves the models of its data set."""

from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from starlette.testclient import TestClient

from smis.core.images import to_image
from smis.metrics import segmenter
from smis.metrics.unet import UnetConfig
from smis.studio.application import create_app
from smis.studio.encoded_images import decode_base64, decode_map, decode_picture
from smis.studio.model_library import ModelLibrary
from smis.studio.model_sources import workspace_sources
from smis.studio.service import StudioService
from tests import checkpoints
from tests.studio.conftest import body


def test_the_map_of_a_picture_is_the_segmenters(tmp_path: Path, labels: str, ids: ndarray) -> None:
    (tmp_path / "runs/dolls/inade/seed-0").mkdir(parents=True)
    checkpoints.write(tmp_path / "runs/dolls/inade/seed-0/checkpoint.safetensors", "inade")
    height, width = checkpoints.SIZE
    config = UnetConfig.check({}, source="test")
    network = config.build(classes=len(checkpoints.NAMES), height=height, width=width, seed=0).eval()
    results = {"accuracy_real": {"value": 0.5}}
    facts = {"classes": checkpoints.NAMES, "height": height, "width": width, "results": results}
    file = tmp_path / "runs/dolls/segmenter.safetensors"
    segmenter.save(file, segmenter.trained(network, config, facts=facts))
    sources = {source.name: source for source in workspace_sources(tmp_path)}
    service = StudioService(ModelLibrary(sources, device="cpu"))
    with TestClient(create_app(service), base_url="http://127.0.0.1") as client:
        name = client.get("/api/models").json()[0]["name"]
        assert client.get("/api/models").json()[0]["segmenter"] is True
        picture = client.post("/api/synthesize", json=body(name, labels)).json()["images"][0]
        answer = client.post("/api/segment", json={"model": name, "image": picture}).json()
    pixels = decode_picture(decode_base64(picture, title="it"), title="it")
    read = segmenter.load(file, device=torch.device("cpu"))
    expected = read.predict(to_image(np.ascontiguousarray(pixels)[None]))[0].numpy()
    assert np.array_equal(decode_map(decode_base64(answer["labels"], title="it"), title="it"), expected)
    assert answer["accuracy"] == 0.5
