"""Each refusal is one sentence: the value, what is allowed, the remedy."""

import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from smis.studio.access import Access
from smis.studio.application import create_app
from smis.studio.encoded_images import map_text
from smis.studio.service import StudioService
from tests.studio.conftest import body

TOKEN = "a-token-of-a-test"
SEED: dict[str, Any] = {"start": {"seed": 7}}


def _nested(depth: int) -> dict[str, Any]:
    inner = _nested(depth - 1) if depth > 1 else None
    return SEED | ({"then": [{"morph": {"with": inner, "amount": 0.5}}]} if inner else {})


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ({}, "recipes.0.start is missing"),
        ({"start": {}}, "recipes.0.start: a start has 0 of seed, image, style; give exactly one"),
        ({"start": {"seed": -1}}, "recipes.0.start.seed: Input should be greater than or equal to 0 (it is -1)"),
        ({"start": {"seed": 2**60}}, "recipes.0.start.seed: Input should be less than or equal to 9007199254740992"),
        ({"start": {"image": "../../etc/passwd"}}, "recipes.0.start.image: String should match pattern"),
        (SEED | {"then": [{}]}, "recipes.0.then.0: a step has 0 of on, resample, mix, morph, copy; give exactly one"),
        (SEED | {"then": [{"paint": 1}]}, "recipes.0.then.0.paint is not known"),
        (SEED | {"then": [{"resample": {}}] * 65}, "recipes.0.then: Tuple should have at most 64 items"),
        (SEED | {"instances": "x"}, "recipes.0: it has instances without labels; give both, or none"),
        (_nested(5), "recipes.0: recipes are nested 5 deep, allowed are 4; save a style and use it"),
        (SEED | {"then": [{"resample": {"classes": ["cat"]}}]}, "there is no class 'cat'; there are: background (0)"),
        (SEED | {"then": [{"resample": {"classes": ["shoes"]}}]}, "the image has no shoes; it has: background (0)"),
        (SEED | {"then": [{"resample": {"instances": [99]}}]}, "the image has no instance 99; there are: 0 ("),
        (
            SEED | {"then": [{"mix": {"with": SEED, "weights": {"hair": 2}}}]},
            "recipes.0.then.0.mix.weights.hair: Input should be less than or equal to 1 (it is 2)",
        ),
    ],
)
def test_a_recipe_that_cannot_be_made(recipe: dict[str, Any], reason: str, client: TestClient, labels: str) -> None:
    refused = client.post("/api/synthesize", json=body("inade", labels, recipe))
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(reason)
    assert "\n" not in refused.json()["error"]


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"model": "other"}, 404, "the studio has no model 'other'; there are: inade, groupdnet, vspade, spade"),
        ({"model": "../models"}, 404, "the studio has no model '../models'"),
        ({"labels": "!"}, 400, "the label map is not base64; send a PNG, encoded as base64 without a prefix"),
        ({"labels": "abcd"}, 400, "cannot read the label map (it is no picture)"),
        ({"labels": ""}, 400, "labels: String should have at least 1 character"),
        (
            {"labels": map_text(np.zeros((8, 8), np.uint8))},
            400,
            "the label map is 8 x 8, but inade paints 32 x 64; resize it to that with nearest-neighbor interpolation",
        ),
        ({"labels": map_text(np.full((32, 64), 9, np.uint8))}, 400, "labels of the label map run from 9 to 9"),
        ({"instances": map_text(np.zeros((32, 64), np.uint8))}, 400, "instance 0 has pixels of several classes"),
        ({"recipes": []}, 400, "recipes: List should have at least 1 item"),
        ({"recipes": [SEED] * 17}, 400, "recipes: List should have at most 16 items"),
        ({"page": "x" * 101}, 400, "page: String should have at most 100 characters"),
    ],
)
def test_a_request_that_cannot_be_answered(
    changed: dict[str, Any], status: int, reason: str, client: TestClient, labels: str
) -> None:
    refused = client.post("/api/synthesize", json=body("inade", labels) | changed)
    assert (refused.status_code, refused.json()["error"][: len(reason)]) == (status, reason)


def test_what_is_no_json_is_refused(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    for content in (b"{", b"[" * 100_000, json.dumps({"a": 1}).encode("utf-16")):
        refused = client.post("/api/synthesize", content=content, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["error"]


def test_what_a_system_cannot_do_is_refused_with_those_that_can(client: TestClient, labels: str) -> None:
    recipe = SEED | {"then": [{"mix": {"with": SEED, "weights": {"hair": 0.5}}}]}
    refused = client.post("/api/synthesize", json=body("vspade", labels, recipe))
    assert refused.json()["error"].startswith("VSPADE has one latent for the whole image, so it cannot mix classes")


@pytest.mark.parametrize(
    "path", ["/nothing", "/../pyproject.toml", "/%2e%2e/access.py", "/api/nothing", "//etc/passwd"]
)
def test_no_path_of_a_request_is_opened(path: str, client: TestClient) -> None:
    refused = client.get(path)
    assert refused.status_code == 404
    assert refused.json()["error"].endswith("/docs lists what there is")


@pytest.fixture
def guarded(service: StudioService) -> TestClient:
    app = create_app(service, access=Access(TOKEN, cookie="studio_1"))
    return TestClient(app, base_url="http://studio.example", follow_redirects=False)


def test_with_a_token_nothing_is_answered_without_it(guarded: TestClient) -> None:
    with guarded as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": "studio_1=wrong"}):
            for path in ("/", "/api/models", "/docs", "/openapi.json"):
                refused = client.get(path, headers=headers)
                assert refused.status_code == 401
                assert refused.json() == {
                    "error": "the token is missing or wrong; open the address that was printed when the server started"
                }
        assert client.get("/api/models", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_token_in_the_address_becomes_a_cookie(guarded: TestClient) -> None:
    with guarded as client:
        opened = client.get(f"/?token={TOKEN}&model=inade")
        assert (opened.status_code, opened.headers["location"]) == (303, "./?model=inade")
        assert opened.headers["set-cookie"] == f"studio_1={TOKEN}; HttpOnly; SameSite=Strict; Path=/"
        assert client.get("/api/models").status_code == 200


def test_the_description_of_the_api_is_at_docs(client: TestClient) -> None:
    described = client.get("/docs").json()
    assert described["info"]["title"] == "smis studio"
    assert {"/api/models", "/api/synthesize", "/api/bundle"} <= described["paths"].keys()


def test_serve_has_no_page(service: StudioService) -> None:
    with TestClient(create_app(service, page=False), base_url="http://127.0.0.1") as client:
        assert client.get("/").status_code == 404
        assert client.get("/api/models").status_code == 200


def test_the_page_loads_from_no_other_host(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' data: blob:")
    assert "https://" not in page.text
