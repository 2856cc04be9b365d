"""The command, as a person starts it: one line with the address, one sentence for what goes wrong."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy import ndarray
from PIL import Image

import smis
from smis.cli import main
from tests import checkpoints
from tests.servers import free_port

DOCS = Path(__file__).parents[2] / "docs" / "studio.md"
SMIS = "import sys; from smis.cli import main; sys.exit(main())"


@contextmanager
def _running(folder: Path, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Start the command, and wait for its address."""
    command = [sys.executable, "-c", SMIS, *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.endswith(" (Ctrl-C ends it)\n"), process.communicate(timeout=60)
        yield line.partition(" ")[0], process
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.fixture
def workspace(tmp_path: Path, ids: ndarray) -> Path:
    """A folder as `make repro` leaves it, with one trained cell."""
    (tmp_path / "runs/dolls/inade/seed-0").mkdir(parents=True)
    checkpoints.write(tmp_path / "runs/dolls/inade/seed-0/checkpoint.safetensors", "inade")
    Image.fromarray(ids).save(tmp_path / "labels.png")
    return tmp_path


def test_the_client_of_the_documentation_gets_the_pictures_of_the_library(workspace: Path, ids: ndarray) -> None:
    script = re.findall(r"```python\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)[0]
    checkpoint = "runs/dolls/inade/seed-0/checkpoint.safetensors"
    with _running(workspace, "serve", checkpoint, "--port", "0", "--device", "cpu") as (address, process):
        script = script.replace("http://127.0.0.1:8421", address.removesuffix("/docs"))
        subprocess.run([sys.executable, "-c", script], cwd=workspace, check=True, timeout=120)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (130, "", "interrupted\n")
    synth = smis.load(workspace / checkpoint, device="cpu")
    for seed in range(4):
        expected = smis.to_uint8(synth(ids, synth.sample(ids, seed=7).resample(["hair"], seed=seed)))[0]
        assert np.array_equal(np.asarray(Image.open(workspace / f"picture_{seed}.png")), expected)


def test_without_a_checkpoint_the_zoo_and_the_workspace_are_offered(workspace: Path) -> None:
    with _running(workspace, "studio", "--port", "0", "--device", "cpu") as (address, _):
        models: list[dict[str, Any]] = httpx.get(f"{address}api/models", timeout=120).json()
        assert httpx.get(address).text.lower().startswith("<!doctype html>")
        assert [model["name"] for model in models][-1] == "runs/dolls/inade/seed-0/checkpoint.safetensors"
        zoo = next(model for model in models if model["name"] == "zoo:inade-paperdoll")
        request = {"model": zoo["name"], "labels": zoo["examples"][0]["labels"], "recipes": [{"start": {"seed": 7}}]}
        answer = httpx.post(f"{address}api/synthesize", json=request, timeout=120).json()
    labels = np.asarray(Image.open(BytesIO(b64decode(zoo["examples"][0]["labels"]))))
    synth = smis.load("zoo:inade-paperdoll", device="cpu")
    expected = smis.to_uint8(synth(labels, synth.sample(labels, seed=7)))[0]
    assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(answer["images"][0])))), expected)


def test_on_all_addresses_a_token_is_made_and_asked_for(workspace: Path) -> None:
    arguments = ("runs/dolls/inade/seed-0", "--port", "0", "--device", "cpu", "--host", "0.0.0.0")
    with _running(workspace, "studio", *arguments) as (address, process):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
        assert httpx.get(address.partition("?")[0]).status_code == 401
        with httpx.Client(follow_redirects=True) as client:
            assert client.get(address).status_code == 200
            assert client.get(address.partition("?")[0] + "api/models").json()[0]["name"] == "runs/dolls/inade/seed-0"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert err.splitlines() == [
        "warning: all machines that reach 0.0.0.0 can ask this server; keep the token to yourself",
        "terminated",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing.safetensors"], "error: there is no checkpoint missing.safetensors; run the stage `train` first"),
        (["zoo:inade-paperdol"], "error: the zoo has no model 'inade-paperdol'; did you mean zoo:inade-paperdoll"),
        (["labels.png"], "error: labels.png is broken"),
        (
            ["runs/dolls/inade/seed-0", "--host", "203.0.113.1"],
            "error: --host 203.0.113.1 is no address of this machine",
        ),
        (["runs/dolls/inade/seed-0", "--token", "a b"], "error: --token takes 8 to 200 of the characters A-Z a-z 0-9"),
        (["runs/dolls/inade/seed-0", "--device", "tpu"], "error: device 'tpu' cannot be used"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_sentence(
    arguments: list[str],
    reason: str,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workspace)
    assert main(["studio", *arguments, "--port", "0"]) == 2
    out, err = capsys.readouterr()
    assert (out, err[: len(reason)], err.count("\n")) == ("", reason, 1)


def test_a_port_that_is_taken_is_told(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "runs/dolls/inade/seed-0", "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"error: port {port} of 127.0.0.1 cannot be used (address already in use); give another --port, or --port 0 "
        "for a free one\n"
    )


def test_a_missing_extra_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.startswith("smis.studio")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["studio", "--port", "0"]) == 2
    assert capsys.readouterr().err == "error: smis studio: the package uvicorn is missing; pip install 'smis[studio]'\n"


def test_a_broken_model_of_the_workspace_is_left_out(workspace: Path) -> None:
    (workspace / "runs/dolls/broken/seed-0").mkdir(parents=True)
    shutil.copy(workspace / "labels.png", workspace / "runs/dolls/broken/seed-0/checkpoint.safetensors")
    with _running(workspace, "serve", "--port", "0", "--device", "cpu") as (address, _):
        models = httpx.get(f"{address.removesuffix('docs')}api/models", timeout=120).json()
    assert [model["name"] for model in models if model["name"].startswith("runs")] == [
        "runs/dolls/inade/seed-0/checkpoint.safetensors"
    ]
