"""What comes in is read by the project's own readers, bounded, and refused in one sentence."""

import io
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import pytest
from numpy import ndarray
from PIL import Image
from starlette.testclient import TestClient

import smis
from smis.studio import uploads
from smis.studio.uploads import NotKeptError, Uploads
from tests import checkpoints
from tests.studio.conftest import body, text


def _file(pixels: ndarray, kind: str = "png", **options: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, kind, **options)
    return target.getvalue()


def _ids(text: str) -> ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(text))))


def test_a_photograph_is_encoded_as_the_library_does(
    client: TestClient, labels: str, ids: ndarray, photograph: bytes, sources: dict[str, Any]
) -> None:
    kept = client.post("/api/images?model=inade", content=photograph).json()
    assert kept["size"] == [*checkpoints.SIZE]
    answer = client.post("/api/synthesize", json=body("inade", labels, {"start": {"image": kept["image"]}})).json()
    synth = smis.load(sources["inade"].path, device="cpu")
    pixels = np.array(Image.open(io.BytesIO(photograph)))
    expected = smis.to_uint8(synth(ids, synth.encode(pixels, ids)))[0]
    assert np.array_equal(_ids(answer["images"][0]), expected)
    assert np.array_equal(_ids(kept["preview"]), pixels)


def test_a_photograph_of_another_size_is_resized_as_the_data_sets_are(client: TestClient) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 100, 3), dtype=np.uint8)
    kept = client.post("/api/images?model=inade", content=_file(pixels)).json()
    expected = Image.fromarray(pixels).resize((64, 32), Image.Resampling.BICUBIC)
    assert kept["size"] == [64, 100]
    told = "the picture was 64 x 100; it was resized and stretched to 32 x 64: with bicubic interpolation"
    assert kept["notes"] == [told]
    assert np.array_equal(_ids(kept["preview"]), np.asarray(expected))


def test_a_system_without_an_encoder_says_so(client: TestClient, labels: str, photograph: bytes) -> None:
    image = client.post("/api/images", content=photograph).json()["image"]
    refused = client.post("/api/synthesize", json=body("spade", labels, {"start": {"image": image}}))
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("SPADE has no encoder, so it cannot encode a photograph")


@pytest.mark.parametrize("kind", ["gray", "palette", "colors"])
def test_a_label_map_is_read_as_ids_palette_or_colors(kind: str, client: TestClient, ids: ndarray) -> None:
    image = Image.fromarray(ids)
    if kind == "palette":
        image = Image.fromarray(ids, mode=None).convert("P")
        image.putdata(ids.flatten().tolist())
    if kind == "colors":
        image = Image.fromarray(np.asarray(checkpoints.PALETTE, np.uint8)[ids])
    target = io.BytesIO()
    image.save(target, "png")
    read = client.post("/api/labels?model=inade", content=target.getvalue()).json()
    assert np.array_equal(_ids(read["labels"]), ids)
    assert (read["size"], read["notes"]) == ([*checkpoints.SIZE], [])


def test_what_is_not_exact_is_told(client: TestClient, ids: ndarray) -> None:
    colors = np.asarray(checkpoints.PALETTE, np.uint8)[ids]
    colors[0, :3] += 1
    small = Image.fromarray(colors).resize((32, 16), Image.Resampling.NEAREST)
    read = client.post("/api/labels?model=inade", content=_file(np.asarray(small))).json()
    exact = np.asarray(Image.fromarray(ids).resize((32, 16), Image.Resampling.NEAREST))
    assert np.array_equal(_ids(read["labels"]), exact.repeat(2, 0).repeat(2, 1))
    assert read["notes"][-1] == (
        "the map was 16 x 32; it was resized to 32 x 64: each pixel took the nearest one's class"
    )
    exactly = client.post("/api/labels?model=inade", content=_file(colors)).json()
    assert exactly["notes"] == ["3 pixels had colors that are not in the palette; the nearest class was taken"]
    assert np.array_equal(_ids(exactly["labels"]), ids)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no picture", "cannot read the label map (it is no picture)"),
        (_file(np.full((8, 8), 200, np.uint8)), "labels of the label map run from 200 to 200, but the data set has 6"),
        (
            _file(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)),
            "0% of the pixels of the label map have colors of the model's palette, at least 50% must",
        ),
    ],
    ids=["text", "ids", "colors"],
)
def test_what_is_no_label_map_is_refused(content: bytes, reason: str, client: TestClient) -> None:
    refused = client.post("/api/labels?model=inade", content=content)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(reason)


def test_a_picture_of_more_pixels_than_allowed_is_refused_by_its_head(client: TestClient) -> None:
    bomb = _file(np.zeros((9000, 9000), np.uint8))
    assert len(bomb) < 200_000
    for address in ("/api/images", "/api/labels?model=inade"):
        refused = client.post(address, content=bomb)
        assert refused.status_code == 400
        assert refused.json()["error"].endswith("is 9000 x 9000, allowed are 64 megapixels; make it smaller first")


@pytest.mark.parametrize("said", [True, False], ids=["length", "chunks"])
def test_a_request_of_more_bytes_than_allowed_is_refused(said: bool, client: TestClient) -> None:
    chunk = bytes(2**20)
    content = chunk * 65 if said else (chunk for _ in range(65))
    refused = client.post("/api/images", content=content)
    assert refused.status_code == 413
    assert refused.json() == {
        "error": "the request has more than 64 MiB, which is what is allowed; send a smaller file"
    }


def test_connected_regions_become_instances(client: TestClient) -> None:
    ids = np.zeros(checkpoints.SIZE, np.uint8)
    ids[:4, :4] = ids[8:12, 8:12] = 1
    read = client.post("/api/instances", json={"model": "inade", "labels": text(_file(ids))}).json()
    instances = _ids(read["instances"])
    assert len(np.unique(instances)) == 3
    assert instances[0, 0] != instances[8, 8]


def test_what_was_uploaded_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 10)
    kept = Uploads()
    first, second = kept.keep(b"12345678"), kept.keep(b"87654321")
    assert kept.style(second) == b"87654321"
    with pytest.raises(NotKeptError, match=f"the style {first} is not kept here, or no more; bring its file in again"):
        kept.style(first)


def test_an_upload_that_is_not_kept_is_not_found(client: TestClient, labels: str) -> None:
    refused = client.post("/api/synthesize", json=body("inade", labels, {"start": {"image": "0" * 32}}))
    assert refused.status_code == 404
    assert refused.json()["error"].startswith("the photograph 00000000000000000000000000000000 is not kept here")


def test_distances_are_those_inside_and_outside_the_class(client: TestClient, labels: str) -> None:
    recipes = [{"start": {"seed": 7}, "then": [{"resample": {"classes": ["hair"], "seed": seed}}]} for seed in (1, 2)]
    images = client.post("/api/synthesize", json=body("inade", labels, *recipes)).json()["images"]
    request = {"model": "inade", "labels": labels, "images": images}
    measured = client.post("/api/distances", json={**request, "class": "hair"}).json()
    assert measured["inside"] > measured["outside"] >= 0
    assert "LPIPS" in measured["measure"]
    whole = client.post("/api/distances", json=request).json()
    assert whole["inside"] > 0
    assert whole["outside"] is None
    assert client.post("/api/distances", json={**request, "class": "shoes"}).json()["inside"] is None


def test_without_a_segmenter_the_reason_is_given(client: TestClient) -> None:
    image = b64encode(_file(np.zeros((32, 64, 3), np.uint8))).decode()
    refused = client.post("/api/segment", json={"model": "inade", "image": image})
    assert refused.status_code == 404
    assert refused.json()["error"].startswith("there is no segmenter for the classes and the size of inade")
