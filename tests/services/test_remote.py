"""DVC's remote on a real S3 server: set up, filled, checked, linked to, and through an outage."""

import html
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.remote.__main__ import main
from pipelines.remote.bucket import RemoteBucket, configured_remote
from pipelines.remote.locked_outputs import object_name, read_outputs
from pipelines.report.run import page
from smis.core import s3
from smis.core.errors import SmisError
from tests.servers import S3, reached

PROJECT = """
stages:
  make:
    matrix: {name: [a, b]}
    cmd: exec python make.py ${item.name}
    outs: ["out/${item.name}", "out/${item.name}.txt"]
    metrics: [{"metrics/${item.name}.json": {cache: false}}]
"""
MAKE = """
import random, sys
from pathlib import Path
name = sys.argv[1]
for number in range(20):
    path = Path(f"out/{name}/{number:02}.bin")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(random.Random(f"{name}{number}").randbytes(1 << 20))
Path(f"out/{name}.txt").write_text(f"this is {name}")
Path("metrics").mkdir(exist_ok=True)
Path(f"metrics/{name}.json").write_text("{}")
"""
OBJECTS = 2 * (1 + 20 + 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    server = S3(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a small pipeline."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "dvc.yaml").write_text(PROJECT)
    (folder / "make.py").write_text(MAKE)
    for words in ("init --no-scm", "config core.analytics false", "repro"):
        dvc(folder, *words.split())
    return folder


@pytest.fixture
def workspace(
    made: Path, server: S3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give the workspace a bucket of its own."""
    bucket = request.node.name.replace("_", "-")[-40:].strip("-")
    dvc(made, "remote", "add", "--force", "--default", "store", f"s3://{bucket}/dvc")
    monkeypatch.chdir(made)
    with reached(server, monkeypatch):
        yield made


def dvc(folder: Path, *words: str, fails: bool = False) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def output_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    main(words)
    return capsys.readouterr().out


def error_of(*words: str) -> str:
    with pytest.raises(SmisError, match=r".") as caught:
        main(words)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_bucket_is_made_once_and_keeps_old_versions(
    workspace: Path, server: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = output_of(capsys, "setup"), output_of(capsys, "setup")
    location = configured_remote(workspace)
    assert first.splitlines()[:2] == [f"{location}: bucket: created", f"{location}: versioning: done"]
    assert second.splitlines()[0] == f"{location}: bucket: exists"
    bucket = location.bucket
    with server.client() as client:
        for text in (b"one", b"two"):
            client.put_object(Bucket=bucket, Key="it", Body=text)
        versions = client.list_object_versions(Bucket=bucket, Prefix="it")["Versions"]
        old = client.get_object(Bucket=bucket, Key="it", VersionId=versions[1]["VersionId"])
        assert old["Body"].read() == b"one"
    assert [each["IsLatest"] for each in versions] == [True, False]


def test_what_was_pushed_is_there_to_the_byte_and_comes_back(
    workspace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output_of(capsys, "setup")
    assert f"{OBJECTS - 40} of {OBJECTS - 40} objects of dvc.lock are missing or damaged" in error_of("check")
    dvc(workspace, "push")
    assert f"holds all {OBJECTS} objects of dvc.lock (sizes compared)" in output_of(capsys, "check")
    assert f"holds all {OBJECTS} objects of dvc.lock (MD5 compared)" in output_of(capsys, "check", "--whole")
    for name in ("dvc.yaml", "dvc.lock", ".dvc/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((workspace / name).read_bytes())
    dvc(tmp_path, "config", "core.no_scm", "true")
    dvc(tmp_path, "pull", "--allow-missing")
    assert (tmp_path / "out/b/19.bin").read_bytes() == (workspace / "out/b/19.bin").read_bytes()


def test_objects_that_are_gone_short_or_changed_are_named(
    workspace: Path, server: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    output_of(capsys, "setup")
    dvc(workspace, "push")
    bucket = RemoteBucket(configured_remote(workspace))
    of = {out.path: object_name(out.md5) for out in read_outputs(workspace)}
    names = {key: bucket.location.key(name) for key, name in of.items()}
    place = {"Bucket": bucket.location.bucket, "Key": names["out/a.txt"]}
    with server.client() as client:
        client.put_object(**place, Body=b"this is c")
        output_of(capsys, "check")
        assert "1 of 44 objects of dvc.lock are missing or damaged" in (lines := error_of("check", "--whole"))
        assert "out/a.txt has other bytes; run `dvc push`" in lines
        client.put_object(**place, Body=b"this")
        assert "out/a.txt has 4 bytes instead of 9" in error_of("check")
        client.delete_object(**place)
        assert "out/a.txt is missing" in error_of("check")


def test_a_push_through_an_outage_fails_and_completes_when_repeated(
    workspace: Path, server: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    output_of(capsys, "setup")
    bucket = RemoteBucket(configured_remote(workspace))
    command = [sys.executable, "-m", "dvc", "push", "--jobs", "1"]
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "AWS_MAX_ATTEMPTS": "1"}
    push = subprocess.Popen(
        command, cwd=workspace, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while len(bucket.sizes("files/md5/")) < 3:
        assert push.poll() is None, "the push was over before the outage"
        time.sleep(0.02)
    server.kill()
    assert push.wait(120) != 0
    server.start()
    assert "are missing or damaged" in error_of("check")
    dvc(workspace, "push")
    assert f"all {OBJECTS} objects" in output_of(capsys, "check", "--whole")


def test_a_link_opens_without_keys_as_a_file_of_its_name(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output_of(capsys, "setup")
    assert "out/a.txt is missing; run `dvc push`" in error_of("link", "out/a.txt")
    dvc(workspace, "push")
    path, address = (line.strip() for line in output_of(capsys, "link", "out/a.txt", "--hours", "1").splitlines())
    assert path == "out/a.txt"
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"this is a"
        assert answer.headers["Content-Disposition"] == 'inline; filename="a.txt"'
        assert answer.headers["Content-Type"] == "text/plain"
    assert len(output_of(capsys, "link", "out/a").splitlines()) == 2 * 20
    assert output_of(capsys, "link", "out/a/07.bin").startswith("out/a/07.bin\n  http")


def test_the_report_goes_out_with_links_to_its_files(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output_of(capsys, "setup")
    dvc(workspace, "push")
    assert "report/report.html does not exist" in error_of("report")
    (workspace / "report").mkdir()
    (workspace / "report/report.html").write_text("<main></main>")
    assert "was not written by this version" in error_of("report")
    (workspace / "report/report.html").write_text(page([]))
    assert output_of(capsys, "report") == "shared.html: the report with links to 42 files, valid for 24 hours\n"
    shared = (workspace / "shared.html").read_text()
    found = dict(re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', shared))
    assert len(found) == 42
    (address,) = (address for address, path in found.items() if path == "out/b.txt")
    with urllib.request.urlopen(html.unescape(address)) as answer:
        assert answer.read() == b"this is b"


def test_a_server_that_is_away_is_one_line(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3._client.cache_clear()
    (line,) = error_of("check").splitlines()
    assert "Could not connect" in line
    assert "set AWS_ENDPOINT_URL" in line
