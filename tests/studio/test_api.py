from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from numpy import ndarray
from PIL import Image
from starlette.testclient import TestClient

import smis
from smis.studio.encoded_images import map_text
from smis.studio.model_sources import ModelSource
from tests.studio.conftest import SYSTEMS, body


def test_all_models_are_listed_with_what_they_can_do(client: TestClient) -> None:
    models = {model["name"]: model for model in client.get("/api/models").json()}
    assert list(models) == list(SYSTEMS)
    assert models["inade"]["size"] == [32, 64]
    assert models["inade"]["classes"][1] == {"id": 1, "name": "hair", "color": [120, 70, 30]}
    assert models["inade"]["abilities"]["resample instance"] is None
    assert models["groupdnet"]["abilities"]["resample instance"].startswith("GroupDNet has one latent for each class")
    assert models["spade"]["abilities"]["encode"].startswith("SPADE has no encoder")


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_picture_is_that_of_the_library(
    name: str, client: TestClient, sources: dict[str, ModelSource], labels: str, ids: ndarray
) -> None:
    answer = client.post("/api/synthesize", json=body(name, labels, {"start": {"seed": 7}}, sequence=3)).json()
    assert answer["sequence"] == 3
    synth = smis.load(sources[name].path, device="cpu")
    expected = smis.to_uint8(synth(ids, synth.sample(ids, seed=7)))[0]
    assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(answer["images"][0])))), expected)


def test_painting_a_new_class_keeps_the_look_of_the_map_that_the_style_was_born_on(
    client: TestClient, sources: dict[str, ModelSource], labels: str, ids: ndarray
) -> None:
    painted = ids.copy()
    painted[:4] = 5
    recipe = {"start": {"seed": 7}, "labels": labels, "then": [{"resample": {"classes": ["hair"], "seed": 5}}]}
    answer = client.post("/api/synthesize", json=body("inade", map_text(painted), recipe)).json()
    synth = smis.load(sources["inade"].path, device="cpu")
    style = synth.sample(ids, seed=7).resample(["hair"], seed=5).on(painted)
    expected = smis.to_uint8(synth(painted, style))[0]
    assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(answer["images"][0])))), expected)


def test_without_a_token_only_this_machines_names_are_answered(client: TestClient) -> None:
    assert client.get("/api/models", headers={"host": "127.0.0.1:8421"}).status_code == 200
    refused = client.get("/api/models", headers={"host": "studio.example"})
    assert refused.status_code == 403
    assert refused.json()["error"].startswith("this server answers to 127.0.0.1 and localhost only")
    other_site = client.get("/api/models", headers={"origin": "http://other.example"})
    assert other_site.json() == {
        "error": "a page of another site asks, which is not allowed; open the studio's own address"
    }
