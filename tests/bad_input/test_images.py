"""Photographs and label maps that `smis generate` and its siblings are given."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import smis
from smis.core.images import read_photograph
from tests.bad_input.conftest import HEIGHT, WIDTH, Refuse, save

BARS = np.broadcast_to(np.arange(WIDTH) * 5 // WIDTH, (HEIGHT, WIDTH)).astype(np.uint8)
COLORS = np.repeat(BARS[..., None] * 40, 3, axis=2)


def _png(width: int, height: int, *, bits: int = 8, color: int = 0, data: bytes = b"") -> bytes:
    """Write a PNG whose header says anything."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _good_png() -> bytes:
    from io import BytesIO

    file = BytesIO()
    Image.fromarray(BARS).save(file, format="PNG")
    return file.getvalue()


def _whole(path: Path, content: bytes) -> None:
    path.write_bytes(content)


MAPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "is empty": (lambda path: _whole(path, b""), r"map\.png"),
    "is text": (lambda path: _whole(path, b"hello"), r"map\.png"),
    "is HTML": (lambda path: _whole(path, b"<!DOCTYPE html><html></html>"), r"map\.png"),
    "is a Git LFS pointer": (lambda path: _whole(path, b"version https://git-lfs.github.com/spec/v1\n"), r"map\.png"),
    "is cut off": (lambda path: _whole(path, _good_png()[:60]), r"map\.png"),
    "has a broken checksum": (lambda path: _whole(path, _good_png()[:40] + b"????" + _good_png()[44:]), r"map\.png"),
    "is a NumPy array": (
        lambda path: np.save(path.with_suffix(""), BARS) or path.with_suffix(".npy").rename(path),
        r"map\.png",
    ),
    "has colors": (lambda path: save(path, np.dstack([BARS, BARS * 2, BARS])), "ids"),
    "has an alpha channel": (lambda path: save(path, np.dstack([BARS * 40] * 3 + [BARS + 200])), "ids"),
    "has floats": (lambda path: Image.fromarray(BARS.astype(np.float32)).save(path, format="TIFF"), "ids"),
    "has a class too many": (lambda path: save(path, BARS + 2), "6"),
    "has foreground 255": (lambda path: save(path, (BARS > 2).astype(np.uint8) * 255), "255"),
    "has 16-bit ids beyond the classes": (lambda path: save(path, BARS.astype(np.uint16) * 1000), "4000"),
    "has a size that does not divide": (lambda path: save(path, BARS[:-1, :-3]), r"\d+"),
    "is one pixel": (lambda path: save(path, BARS[:1, :1]), r"1 x 1|divi|multiple"),
    "is a folder": (lambda path: path.mkdir(), r"map\.png"),
    "is a FIFO": (lambda path: os.mkfifo(path), r"map\.png"),
    "leads to a device": (lambda path: path.symlink_to("/dev/zero"), r"map\.png"),
    "leads nowhere": (lambda path: path.symlink_to("nowhere.png"), "link"),
    "leads to itself": (lambda path: path.symlink_to(path), r"map\.png"),
    "claims 100,000 x 100,000 pixels": (lambda path: _whole(path, _png(100_000, 100_000)), r"map\.png"),
    "claims no pixels": (lambda path: _whole(path, _png(0, 0)), r"map\.png"),
    "is a JPEG": (lambda path: Image.fromarray(BARS).save(path, format="JPEG"), "JPEG"),
    "has a palette without colors": (lambda path: _whole(path, _png(8, 8, color=3, data=bytes(8 * 9))), r"map\.png"),
    "has 16 bits in three channels": (
        lambda path: _whole(path, _png(8, 8, bits=16, color=2, data=bytes(8 * 49))),
        "16 bits",
    ),
    "says that white is 5": (lambda path: _whole(path, b"P5\n64 32\n5\n" + BARS.tobytes()), "white is 5"),
    "says that white is 4095": (
        lambda path: _whole(path, b"P5\n64 32\n4095\n" + BARS.astype(">u2").tobytes()),
        "white is 4095",
    ),
}

PHOTOGRAPHS: dict[str, tuple[Callable[[Path], object], str]] = {
    "is empty": (lambda path: _whole(path, b""), r"photograph\.png"),
    "is text": (lambda path: _whole(path, b"hello"), r"photograph\.png"),
    "is cut off": (lambda path: _whole(path, _good_png()[:60]), r"photograph\.png"),
    "is transparent": (lambda path: save(path, np.dstack([COLORS, BARS * 60])), "transparent"),
    "has floats": (lambda path: Image.fromarray(BARS.astype(np.float32)).save(path, format="TIFF"), "mode F"),
    "has another size": (lambda path: save(path, COLORS[:-8]), "x"),
    "is a folder without images": (lambda path: path.mkdir(), r"photograph\.png"),
    "is a FIFO": (lambda path: os.mkfifo(path), r"photograph\.png"),
    "leads to a device": (lambda path: path.symlink_to("/dev/zero"), r"photograph\.png"),
    "leads nowhere": (lambda path: path.symlink_to("nowhere.png"), "link"),
    "leads to itself": (lambda path: path.symlink_to(path), r"photograph\.png"),
    "claims 100,000 x 100,000 pixels": (lambda path: _whole(path, _png(100_000, 100_000, color=2)), r"photograph\.png"),
    "has a palette without colors": (
        lambda path: _whole(path, _png(8, 8, color=3, data=bytes(8 * 9))),
        r"photograph\.png",
    ),
}

VERBS = {
    "generate": "generate {{good}}/groupdnet.safetensors {map} --out {{out}}",
    "resample": "resample {{good}}/groupdnet.safetensors {map} --classes hair --out {{out}}",
    "edit": "edit {{good}}/groupdnet.safetensors {{good}}/labels/a.png {map} --out {{out}}",
    "mix": (
        "mix {{good}}/groupdnet.safetensors {{good}}/labels/a.png --from {{good}}/images/a.png {map} "
        "--weights hair=1 --out {{out}}"
    ),
    "instances": "generate {{good}}/inade.safetensors {{good}}/labels/a.png --instance-maps {map} --out {{out}}",
}


@pytest.mark.parametrize("fault", MAPS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_bad_map_is_refused_by_its_name(refuse: Refuse, tmp_path: Path, verb: str, fault: str) -> None:
    write, words = MAPS[fault]
    if verb == "instances" and fault in (
        "has a class too many",
        "has foreground 255",
        "has 16-bit ids beyond the classes",
    ):
        pytest.skip("ids of instances may be any")
    write(tmp_path / "map.png")
    message = refuse(VERBS[verb].format(map="{bad}/map.png"))
    assert_says(message, words, "map.png")


@pytest.mark.parametrize("fault", PHOTOGRAPHS)
@pytest.mark.parametrize("option", ["--image", "--from"])
def test_a_bad_photograph_is_refused_by_its_name(refuse: Refuse, tmp_path: Path, option: str, fault: str) -> None:
    write, words = PHOTOGRAPHS[fault]
    write(tmp_path / "photograph.png")
    if option == "--image":
        line = "generate {good}/groupdnet.safetensors {good}/labels/a.png --image {bad}/photograph.png"
    else:
        line = "morph {good}/groupdnet.safetensors {good}/labels/a.png --from {bad}/photograph.png {good}/labels/a.png"
    assert_says(refuse(f"{line} --out {{out}}"), words, "photograph.png")


def test_no_image_is_written_before_every_map_of_a_folder_was_checked(
    refuse: Refuse, good: Path, tmp_path: Path
) -> None:
    save(tmp_path / "maps" / "a.png", BARS)
    save(tmp_path / "maps" / "z.png", BARS + 2)
    message = refuse("generate {good}/groupdnet.safetensors {bad}/maps --out {out}")
    assert "z.png" in message


def test_maps_of_three_equal_channels_are_maps(good: Path, tmp_path: Path) -> None:
    synth = smis.load(good / "groupdnet.safetensors", device="cpu")
    gray = save(tmp_path / "gray.png", np.repeat(BARS[..., None], 3, axis=2))
    assert torch.equal(synth(gray), synth(good / "labels" / "a.png"))


@pytest.mark.parametrize("suffix", [".PNG", ".Png", ".tif", ".bmp", ".pgm"])
def test_endings_are_read_in_any_case(good: Path, tmp_path: Path, suffix: str) -> None:
    from smis.cli import main

    save(tmp_path / "maps" / f"one{suffix}", BARS)
    line = ["generate", str(good / "groupdnet.safetensors"), str(tmp_path / "maps"), "--samples", "1"]
    assert main([*line, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    assert (tmp_path / "out" / "one_00.png").exists()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_has_the_style_of_what_a_viewer_shows(good: Path, tmp_path: Path, orientation: int) -> None:
    synth = smis.load(good / "groupdnet.safetensors", device="cpu")
    upright = Image.open(good / "images" / "a.png")
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = upright.transpose(stored[orientation]) if orientation in stored else upright
    turned.save(tmp_path / "turned.png", exif=exif)
    expected = synth.encode(upright, good / "labels" / "a.png")
    actual = synth.encode(tmp_path / "turned.png", good / "labels" / "a.png")
    assert torch.equal(synth(actual.layout, actual), synth(expected.layout, expected))
    with Image.open(tmp_path / "turned.png") as image:
        opened = synth.encode(image, good / "labels" / "a.png")
    assert torch.equal(synth(opened.layout, opened), synth(expected.layout, expected))


def test_of_16_bits_of_gray_or_colors_the_upper_8_are_read(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 2**16, (HEIGHT, WIDTH, 3)).astype(">u2")
    gray = np.ascontiguousarray(deep[..., 0])

    def rows(pixels: np.ndarray) -> bytes:
        return b"".join(b"\0" + row.tobytes() for row in pixels)

    for name, content, expected in (
        ("colors.png", _png(WIDTH, HEIGHT, bits=16, color=2, data=rows(deep)), deep >> 8),
        ("gray.png", _png(WIDTH, HEIGHT, bits=16, data=rows(gray)), gray[..., None] >> 8),
        ("gray.pgm", b"P5\n%d %d\n65535\n" % (WIDTH, HEIGHT) + gray.tobytes(), gray[..., None] >> 8),
        ("colors.ppm", b"P6\n%d %d\n65535\n" % (WIDTH, HEIGHT) + deep.tobytes(), np.round(deep / 257)),
    ):
        (tmp_path / name).write_bytes(content)
        assert (read_photograph(tmp_path / name) == expected).all(), name


def assert_says(message: str, words: str, name: str) -> None:
    import re

    assert re.search(words, message), message
    assert name in message, message
