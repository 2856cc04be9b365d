import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from smis.cli import main
from smis.core import weights
from smis.core.weights import WeightsFile

BODY = bytes(range(256)) * 9000
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serve /good, /cut (half of it, then no more), /wrong, /slow (half of it, then a wait), and 404 for the rest."""

    leave = threading.Event()

    def do_GET(self) -> None:
        if self.path not in {"/good", "/cut", "/wrong", "/slow"}:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        half = BODY[: len(BODY) // 2]
        self.wfile.write({"/good": BODY, "/cut": half, "/wrong": BODY[::-1], "/slow": half}[self.path])
        if self.path == "/slow":
            self.leave.wait(30)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.leave.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        Server.leave.set()
        http.shutdown()
        thread.join()


@pytest.fixture
def folder(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache, and rows of the table that lead to the server."""
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    places = {"vgg16": "good", "vgg19": "cut", "alexnet": "wrong", "squeezenet": "nothing"}
    for name, place in places.items():
        monkeypatch.setitem(weights.TABLE, name, WeightsFile(f"{name}.pth", DIGEST, url=f"{server}/{place}"))
    return tmp_path / "cache"


def test_a_file_is_fetched_checked_and_found_from_then_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "fetch", "vgg16"]) == 0
    assert (folder / "vgg16.pth").read_bytes() == BODY
    assert capsys.readouterr().out.strip() == str(folder / "vgg16.pth")
    assert main(["weights", "path", "vgg16"]) == 0
    assert [path.name for path in folder.iterdir()] == ["vgg16.pth"]


def test_a_file_that_is_here_is_not_fetched_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / "squeezenet.pth").write_bytes(BODY)
    assert main(["weights", "fetch", "squeezenet"]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "squeezenet.pth")


def test_a_broken_file_is_replaced(folder: Path) -> None:
    folder.mkdir()
    (folder / "vgg16.pth").write_bytes(BODY[:100])
    assert main(["weights", "fetch", "vgg16"]) == 0
    assert (folder / "vgg16.pth").read_bytes() == BODY


def test_without_a_variable_files_go_where_torch_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMIS_WEIGHTS")
    assert main(["weights", "fetch", "vgg16"]) == 0
    assert (folder.parent / "torch" / "hub" / "checkpoints" / "vgg16.pth").is_file()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vgg19", f"it ended after {len(BODY) // 2} of {len(BODY)} bytes"),
        ("alexnet", "the download is not the published file"),
        ("squeezenet", "the server answered 404 Not Found"),
    ],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing_behind(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    assert main(["weights", "fetch", name]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert reason in printed.err
    assert f"put {name}.pth by hand into {folder}" in printed.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_download_that_is_ended_leaves_nothing_behind(
    server: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    program = f"""
import sys
from smis.cli import main
from smis.core import weights
weights.TABLE["vgg16"] = weights.WeightsFile("vgg16.pth", "0" * 64, url="{server}/slow")
sys.exit(main(["weights", "fetch", "vgg16"]))
"""
    places = {"SMIS_WEIGHTS": str(tmp_path / "cache"), "TORCH_HOME": str(tmp_path / "torch")}
    with subprocess.Popen([sys.executable, "-c", program], env=os.environ | places, stderr=subprocess.PIPE) as fetching:
        while fetching.poll() is None and not any(path.stat().st_size for path in (tmp_path / "cache").glob(".*.part")):
            time.sleep(0.05)
        fetching.send_signal(number)
        _, said = fetching.communicate(timeout=200)
    assert fetching.returncode == code
    assert b"Traceback" not in said
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_server_that_is_not_there_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(weights.TABLE, "vgg16", WeightsFile("vgg16.pth", DIGEST, url="http://127.0.0.1:9/vgg16.pth"))
    assert main(["weights", "fetch", "vgg16"]) == 2
    assert "could not be fetched from http://127.0.0.1:9/vgg16.pth: [Errno" in capsys.readouterr().err


def test_what_a_package_ships_is_not_downloaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "fetch", "stlpips_alex"]) == 0
    assert capsys.readouterr().out.strip().endswith("alex_shift_tolerant.pth")
    monkeypatch.setattr("smis.core.weights.find_spec", lambda name: None)
    assert main(["weights", "fetch", "stlpips_alex"]) == 2
    assert "install the package stlpips-pytorch" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_the_list_says_license_source_and_whole_checksum(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["inception_fid"]["license"] == "Apache-2.0"
    assert "NVIDIA Source Code License" in rows["segformer_ade20k"]["license"]
    assert all(len(row["sha256"]) == 64 and row["source"] for row in rows.values())
    assert (rows["lpips_vgg"]["here"], rows["vgg16"]["here"]) == ("yes", "no")


@pytest.mark.parametrize("name", ["vgg19", "vgg16", "alexnet", "squeezenet", "inception_fid"])
def test_file_names_carry_the_beginning_of_their_checksum(name: str) -> None:
    assert weights.TABLE[name].file.endswith(f"-{weights.TABLE[name].sha256}.pth")
