"""What is taken away from the studio, and what is brought back: code, bundles, animations, styles."""

import io
import json
import subprocess
import sys
import zipfile
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy import ndarray
from PIL import Image
from starlette.testclient import TestClient

from smis.cli import main
from smis.studio.encoded_images import map_text
from tests.studio.conftest import body

EVERYTHING: list[dict[str, Any]] = [
    {"resample": {"classes": ["hair", "face"], "seed": 5}},
    {"mix": {"with": {"start": {"seed": 9}}, "weights": {"top": 0.5}}},
    {"morph": {"with": {"start": {"seed": 3}}, "amount": 0.25, "spherical": False}},
]


@pytest.fixture
def recipe(client: TestClient, labels: str, ids: ndarray, photograph: bytes) -> dict[str, Any]:
    """Every kind of start and step; the style was born on another map, without shoes."""
    image = client.post("/api/images?model=inade", content=photograph).json()["image"]
    style = client.post("/api/style", json=_screen("inade", labels, {"start": {"seed": 4}})).content
    key = client.post("/api/styles?model=inade", content=style).json()["style"]
    painted = map_text(_painted(ids))
    copied = {"start": {"image": image}, "labels": labels, "then": [{"resample": {"seed": 8}}]}
    steps = [
        *EVERYTHING,
        {"on": {"labels": painted, "instances": None}},
        {"resample": {"classes": ["shoes"], "seed": 6}},
        {"copy": {"from": copied, "source": 1, "target": 2}},
        {"morph": {"with": {"start": {"style": key}}, "amount": 0.5}},
    ]
    return {"start": {"seed": 7}, "labels": labels, "then": steps}


def _painted(ids: ndarray) -> ndarray:
    painted = ids.copy()
    painted[:4] = 5
    return painted


def _screen(model: str, labels: str, recipe: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": model, "labels": labels, "recipe": recipe, **more}


def _picture(client: TestClient, model: str, labels: str, recipe: dict[str, Any]) -> bytes:
    answer = client.post("/api/synthesize", json=body(model, labels, recipe))
    assert answer.status_code == 200, answer.text
    return b64decode(answer.json()["images"][0])


def _pixels(data: bytes) -> ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_bundles_python_lines_make_the_picture_to_the_byte(
    client: TestClient, recipe: dict[str, Any], ids: ndarray, tmp_path: Path, sources: dict[str, Any]
) -> None:
    painted = map_text(_painted(ids))
    bundle = client.post("/api/bundle", json=_screen("inade", painted, recipe)).content
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert {"picture.png", "labels.png", "style.safetensors", "studio.json", "picture.py"} <= files.keys()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "picture.png").unlink()
    script = files["picture.py"].decode().replace("smis.load('inade'", f"smis.load({str(sources['inade'].path)!r}")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert np.array_equal(_pixels((tmp_path / "picture.png").read_bytes()), _pixels(files["picture.png"]))
    assert files["picture.png"] == _picture(client, "inade", painted, recipe)


def test_a_bundle_opens_again_and_shows_the_same_picture(
    client: TestClient, recipe: dict[str, Any], ids: ndarray
) -> None:
    painted = map_text(_painted(ids))
    bundle = client.post("/api/bundle", json=_screen("inade", painted, recipe)).content
    opened = client.post("/api/bundles", content=bundle).json()
    assert opened["model"] == "inade"
    assert opened["recipe"] == json.loads(json.dumps(recipe).replace(', "instances": null', ""))
    assert _picture(client, "inade", opened["labels"], opened["recipe"]) == _picture(client, "inade", painted, recipe)
    assert client.post("/api/bundle", json=_screen("inade", opened["labels"], opened["recipe"])).content == bundle


@pytest.mark.parametrize(
    ("then", "born_elsewhere", "verb", "file"),
    [
        ([], False, "generate", "labels_00.png"),
        ([], True, "edit", "map_1_01.png"),
        ([{"resample": {"classes": ["hair", "top"], "seed": 8}}], False, "resample", "labels_01.png"),
    ],
)
def test_the_verb_of_smis_makes_the_picture_too(
    then: list[dict[str, Any]],
    born_elsewhere: bool,
    verb: str,
    file: str,
    client: TestClient,
    ids: ndarray,
    labels: str,
    tmp_path: Path,
    sources: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    painted = map_text(_painted(ids)) if born_elsewhere else labels
    recipe = {"start": {"seed": 7}, "then": then} | ({"labels": labels} if born_elsewhere else {})
    shell = client.post("/api/commands", json=_screen("inade", painted, recipe)).json()["shell"]
    assert shell.startswith(f"smis {verb} inade ")
    with zipfile.ZipFile(
        io.BytesIO(client.post("/api/bundle", json=_screen("inade", painted, recipe)).content)
    ) as archive:
        for name in archive.namelist():
            (tmp_path / name).write_bytes(archive.read(name))
    monkeypatch.chdir(tmp_path)
    arguments = [str(sources["inade"].path) if word == "inade" else word for word in shell.split()[1:]]
    assert main([*arguments, "--device", "cpu"]) == 0
    expected = _pixels(_picture(client, "inade", painted, recipe))
    assert np.array_equal(_pixels((tmp_path / "pictures" / file).read_bytes()), expected)


def test_what_no_verb_does_is_given_as_python(client: TestClient, labels: str) -> None:
    code = client.post(
        "/api/commands", json=_screen("inade", labels, {"start": {"seed": 7}, "then": EVERYTHING})
    ).json()
    assert code["shell"] == f"python - <<'END'\n{code['python']}END\n"
    assert code["python"].splitlines() == [
        "import smis",
        "from PIL import Image",
        "",
        "synth = smis.load('inade')",
        'style = synth.sample("labels.png", seed=7)',
        "style = style.resample(classes=['hair', 'face'], seed=5)",
        'other_1 = synth.sample("labels.png", seed=9)',
        "style = style.mix(other_1, {'top': 0.5})",
        'other_2 = synth.sample("labels.png", seed=3)',
        "style = style.morph(other_2, 0.25, spherical=False)",
        'layout = synth.layout("labels.png")',
        "image = synth(layout, style.on(layout))",
        'Image.fromarray(smis.to_uint8(image)[0]).save("picture.png")',
    ]


def test_a_style_file_gives_the_picture_it_was_saved_of(client: TestClient, labels: str) -> None:
    recipe = {"start": {"seed": 7}, "then": EVERYTHING}
    style = client.post("/api/style", json=_screen("groupdnet", labels, recipe)).content
    key = client.post("/api/styles?model=groupdnet", content=style).json()["style"]
    again = _picture(client, "groupdnet", labels, {"start": {"style": key}})
    assert again == _picture(client, "groupdnet", labels, recipe)


def test_a_style_of_another_system_is_refused(client: TestClient, labels: str) -> None:
    style = client.post("/api/style", json=_screen("groupdnet", labels, {"start": {"seed": 1}})).content
    refused = client.post("/api/styles?model=inade", content=style)
    assert refused.status_code == 400
    assert refused.json()["error"] == (
        "the style file: this is a style of GroupDNet, but the checkpoint is of INADE; take one of its own"
    )


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_goes_from_one_picture_to_the_other_and_back(kind: str, client: TestClient, labels: str) -> None:
    ends = {"from": {"start": {"seed": 1}}, "to": {"start": {"seed": 2}}}
    request = {"model": "inade", "labels": labels, **ends, "frames": 4, "format": kind}
    answer = client.post("/api/animation", json=request)
    assert answer.headers["content-type"] == f"image/{kind}"
    animation: Any = Image.open(io.BytesIO(answer.content))
    assert (animation.n_frames, animation.info["loop"]) == (6, 0)
    largest = 0 if kind == "webp" else 12  # a GIF has 256 colors
    for number, end in ((0, ends["from"]), (3, ends["to"])):
        animation.seek(number)
        picture = _pixels(_picture(client, "inade", labels, end)).astype(int)
        assert np.abs(np.asarray(animation.convert("RGB")) - picture).mean() <= largest


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("studio.json", b"{}", "studio.json of the bundle: model is missing; bring in a file that the studio saved"),
        ("labels.png", None, "the bundle is no zip file of the studio, or is damaged; bring in a file"),
        ("upload", None, "the bundle does not have the upload"),
    ],
)
def test_a_bundle_that_was_changed_is_refused(
    name: str, content: bytes | None, reason: str, client: TestClient, labels: str, photograph: bytes
) -> None:
    image = client.post("/api/images", content=photograph).json()["image"]
    bundle = client.post("/api/bundle", json=_screen("inade", labels, {"start": {"image": image}})).content
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive, zipfile.ZipFile(changed, "w") as target:
        for member in archive.namelist():
            data = archive.read(member)
            if member == "studio.json" and name == "upload":
                about = json.loads(data)
                data = json.dumps({**about, "uploads": {}}).encode()
            if member != name or content is not None:
                target.writestr(member, content if member == name and content is not None else data)
    refused = client.post("/api/bundles", content=changed.getvalue())
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(reason)


def test_a_bundle_that_unpacks_to_more_than_is_allowed_is_refused(client: TestClient) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("studio.json", b" " * (257 * 2**20))
    refused = client.post("/api/bundles", content=bomb.getvalue())
    assert refused.json()["error"].startswith("the bundle has more than 256 MiB unpacked")
    assert client.post("/api/bundles", content=b"no zip").json()["error"].startswith("the bundle is no zip file")
