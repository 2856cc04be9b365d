"""Numbers, names, devices and output places of command lines."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smis.cli import main
from tests.bad_input.conftest import Refuse, save

GENERATE = "generate {good}/groupdnet.safetensors {good}/labels/a.png --out {out}"
RESAMPLE = "resample {good}/groupdnet.safetensors {good}/labels/a.png --out {out}"
INSTANCES = "resample {good}/inade.safetensors {good}/labels/a.png --out {out}"
MIX = "mix {good}/groupdnet.safetensors {good}/labels/a.png --from {good}/images/a.png {good}/labels/a.png --out {out}"
MORPH = "morph {good}/groupdnet.safetensors {good}/labels/a.png --out {out}"
EXEMPLAR = "{good}/images/a.png {good}/labels/a.png"
COPY = f"copy {{good}}/groupdnet.safetensors {{good}}/labels/a.png --exemplar {EXEMPLAR} --out {{out}}"
WEIGHTS = ["''", ",", "hair", "hair=", "hair=x", "=1", "hat=1", "hair=nan", "hair=inf", "hair=2", "hair=-1", "6=1"]
PAIRS = [("hat", "hair"), ("hair", "hat"), ("''", "hair"), ("99", "hair"), ("hair", "9" * 5000)]
CLASSES = ["0", "-1", "x", "4", "1000000000", "9" * 5000]
FID = "metrics fid {good}/images {good}/images"
NUMBERS = ["-1", "0", "1.5", "x", "''", "1000000000000", "²", "٣x", "9" * 5000, "nan", "1e3"]

LINES = [
    *(f"{GENERATE} --samples {number}" for number in NUMBERS),
    *(f"{RESAMPLE} --classes hair --samples {number}" for number in NUMBERS),
    *(f"{MORPH} --steps {number}" for number in NUMBERS),
    *(f"{GENERATE} --seed {number}" for number in NUMBERS if number not in ("0", "1000000000000")),
    *(f"{MORPH} --to-seed {number}" for number in NUMBERS if number not in ("0", "1000000000000")),
    *(f"{GENERATE} --device {name}" for name in ("meta", "tpu", "cuda:99", "cuda:x", "''", "cpu:7", "cpu;ls")),
    *(f"{RESAMPLE} --classes {names}" for names in ("''", ",", "' '", "hat", "hair,hat", "6", "-1", "9" * 5000, "1.5")),
    *(f"{INSTANCES} --instances {ids}" for ids in ("''", ",", "' '", "x", "99", "-1", "1.5", "9" * 5000, "²")),
    *(f"{MIX} --weights {weights}" for weights in WEIGHTS),
    *(f"{COPY} --source {one} --target {two}" for one, two in PAIRS),
    *(f"{FID} --batch {number}" for number in NUMBERS),
    *(f"{FID} --device {name}" for name in ("meta", "tpu", "cuda:99")),
    *(f"bench {what} --batch {number}" for what in ("train", "sample", "encode", "loader") for number in (1025, 10**9)),
    *(f"bench train --{option} 1000000000" for option in ("accumulate", "processes", "threads", "repeats")),
    "bench loader --workers 1000000",
    "bench train --system nosuch",
    "bench train --system vspade --preset nosuch",
    "bench sample --system vspade --batch -1",
    "systems --preset nosuch",
    "recipe nosuch",
    "recipe vspade --preset nosuch",
    "weights path nosuch",
    "weights fetch nosuch",
    "data show nosuch",
    "data check paperdoll {bad}/nothing",
    "runs {bad}/nothing",
    "generate {bad}/nothing.safetensors {good}/labels/a.png --out {out}",
    "generate {good}/groupdnet.safetensors {bad}/nothing.png --out {out}",
    "generate {good}/groupdnet.safetensors {bad} --out {out}",
    "generate {good}/groupdnet.safetensors '' --out {out}",
    "generate {good}/groupdnet.safetensors ~nosuchuser/a.png --out {out}",
    "generate {good}/groupdnet.safetensors {good}/labels/a.png {good}/labels --out {out}",
    "generate {good}/groupdnet.safetensors {good}/labels --image {good}/images/a.png --out {out}",
    "generate {good}/groupdnet.safetensors {good}/labels --image {good}/instances/none --out {out}",
    "generate {good}/encoderless.safetensors {good}/labels/a.png --image {good}/images/a.png --out {out}",
    "edit {good}/groupdnet.safetensors {good}/labels {good}/labels/a.png --out {out}",
    "mix {good}/groupdnet.safetensors {good}/labels/a.png --from {good}/images/a.png --weights hair=1 --out {out}",
    "metrics fid {good}/images {bad}/nothing",
    "metrics fid {good}/images {bad}",
    "metrics kid {bad} {good}/images",
    "metrics lpips {good}/images {bad}",
    "metrics segmentation {good}/labels {bad} --classes 6",
    *(f"metrics segmentation {{good}}/labels {{good}}/labels --classes {number}" for number in CLASSES),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.replace("{good}/", "").replace(" --out {out}", "")[:90])
def test_a_bad_argument_is_one_line(refuse: Refuse, line: str) -> None:
    assert refuse(line)


PLACES = ["''", "/proc/x", "/dev/null", "{bad}/file", "{bad}/file/inside", "{bad}/fifo", "{bad}/loop/x"]


EMPTY = [
    "generate '' {good}/labels/a.png --out {out}",
    "generate {good}/groupdnet.safetensors {good}/labels/a.png --out ''",
    *(f"{GENERATE} {option} ''" for option in ("--image", "--instance-maps")),
    "edit {good}/groupdnet.safetensors {good}/labels/a.png '' --out {out}",
    f"{MORPH} --from '' {{good}}/labels/a.png",
    *(f"metrics {metric} {{good}}/images ''" for metric in ("fid", "kid", "lpips", "regions")),
    "metrics fid {good}/images --save ''",
    "metrics diversity ''",
    "metrics segmentation '' {good}/labels --classes 6",
    "bench loader --data ''",
    "runs ''",
    "data show ''",
    "data check ''",
    "data show paperdoll --out ''",
    "data check ade20k --set root=",
    "data check ade20k --set root=[]",
    """data check ade20k --set 'root=["raw", ""]'""",
    "import-checkpoint '' --release smis --preset paperdoll --out {out}",
    "export-checkpoint {good}/spade.safetensors --to program --out ''",
]


@pytest.mark.parametrize("line", EMPTY)
def test_an_empty_path_is_not_the_current_folder(refuse: Refuse, good: Path, line: str) -> None:
    with contextlib.chdir(good):
        assert re.search("'' is no p|a place is empty", refuse(line))


@pytest.fixture
def places(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("places")
def test_a_bad_place_for_images_is_one_line(
    refuse: Refuse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    assert refuse(f"generate {{good}}/groupdnet.safetensors {{good}}/labels/a.png --out {place}")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    "place", ["''", ".", "/proc/x", "{bad}/device", "{bad}/fifo", "{bad}/file/inside", "{bad}/loop/x", "{good}"]
)
@pytest.mark.usefixtures("places")
def test_a_bad_place_for_a_file_is_one_line(refuse: Refuse, good: Path, tmp_path: Path, place: str) -> None:
    if place == "{bad}/device":
        try:
            os.mknod(tmp_path / "device", 0o600 | 0o020000, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes a device")
    assert refuse(f"export-checkpoint {{good}}/spade.safetensors --to program --out {place}")
    assert not (tmp_path / "device").exists() or (tmp_path / "device").is_char_device()


def test_what_two_channels_of_a_name_hide_is_not_printed(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a\x1b[31m\nb.png"
    save(tmp_path / name, np.full((8, 8, 3), 7, np.uint8))
    assert (
        main(["generate", str(good / "groupdnet.safetensors"), str(tmp_path / name), "--out", str(tmp_path / "out")])
        == 2
    )
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "\x1b" not in printed


@pytest.mark.parametrize(
    "variable", ["SMIS_DEVICE=tpu", "SMIS_DEVICE=meta", "SMIS_WORKERS=²", "SMIS_WORKERS=-1", "SMIS_WORKERS=x"]
)
def test_a_bad_variable_is_one_line(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    assert name in refuse("data check paperdoll" if name == "SMIS_WORKERS" else GENERATE)


def test_a_full_disk_behind_standard_output_is_one_line(good: Path) -> None:
    command = f"{sys.executable} -c 'import sys; from smis.cli import main; sys.exit(main())' systems > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_closed_standard_output_is_no_traceback() -> None:
    command = f"{sys.executable} -c 'import sys; from smis.cli import main; sys.exit(main())' systems >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_maps_as_jpeg_are_refused_by_the_metric(refuse: Refuse, tmp_path: Path, good: Path) -> None:
    save(tmp_path / "maps" / "a.jpg", np.zeros((32, 64), np.uint8))
    save(tmp_path / "maps" / "b.jpg", np.zeros((32, 64), np.uint8))
    message = refuse("metrics segmentation {bad}/maps {good}/labels --classes 6")
    assert "JPEG" in message
