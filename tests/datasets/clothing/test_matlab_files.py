"""Variables of MATLAB files: what is none, is broken or unpacks to too much ends in one line."""

import struct
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from smis.core.errors import LabelError
from smis.datasets.clothing.matlab_files import Value, read_variable
from smis.datasets.io.raw_files import open_files
from tests.datasets.releases import save_map

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


class OneFile:
    """A place with the file `map.mat` of these bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def names(self):
        return iter(["map.mat"])

    def read(self, name):
        return self._content

    def title(self, name):
        return name

    def stamp(self, names):
        return ""


def read(content: bytes, variable: str = "groundtruth") -> Value:
    return read_variable(OneFile(content), "map.mat", variable, error=LabelError)


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("maps") / "map.mat"
    save_map(path, LABELS)
    return path.read_bytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f4", "f8"])
def test_numbers_are_what_scipy_saved(tmp_path, dtype, packed):
    saved = {"other": "x", "groundtruth": LABELS.astype(dtype)}
    scipy.io.savemat(tmp_path / "map.mat", saved, do_compression=packed)
    found = read_variable(open_files(str(tmp_path)), "0:map.mat", "groundtruth", error=LabelError)
    assert isinstance(found, np.ndarray)
    assert found.dtype == dtype
    assert np.array_equal(found, LABELS)


@pytest.mark.parametrize("packed", [False, True])
def test_texts_are_what_scipy_saved(tmp_path, packed):
    labels = ["null", "t-shirt", "Mütze", ""]
    saved = {"one": "skin", "label_list": np.array(labels, dtype=object)[None]}
    scipy.io.savemat(tmp_path / "list.mat", saved, do_compression=packed)
    content = (tmp_path / "list.mat").read_bytes()
    assert read(content, "label_list") == labels
    assert read(content, "one") == "skin"


def test_the_other_byte_order_is_read_too():
    def element(kind, data):
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    parts = [
        (6, struct.pack(">II", 11, 0)),
        (5, struct.pack(">II", 1, 2)),
        (1, b"groundtruth"),
        (4, b"\x01\x02\x00\x03"),
    ]
    matrix = element(14, b"".join(element(*part) for part in parts))
    found = read(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + matrix)
    assert np.array_equal(found, [[258, 3]])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"", "it has another beginning"),
        (b"<html>".ljust(200), "it has another beginning"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "it is of version 7.3; save it with -v7"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(64), "it is of version 7.3; save it with -v7"),
    ],
)
def test_what_is_no_matlab_file_of_this_kind_is_refused(broken, reason):
    with pytest.raises(LabelError, match=rf"^map\.mat is no MATLAB file that can be read \({reason}\); copy it again$"):
        read(broken)


def test_a_file_that_ends_early_is_refused(content):
    with pytest.raises(
        LabelError, match=r"^map\.mat is no MATLAB file that can be read \(it ends early\); copy it again$"
    ):
        read(content[:-20])


@pytest.mark.parametrize("sizes", [[2**26 + 1], [2**25] * 3])
def test_a_file_that_unpacks_to_more_than_a_map_needs_is_not_unpacked(content, sizes):
    bombs = [zlib.compress(bytes(size)) for size in sizes]
    packed = b"".join(struct.pack("<II", 15, len(bomb)) + bomb for bomb in bombs)
    with pytest.raises(LabelError, match=r"^map\.mat is no MATLAB .* \(it holds more than 67,108,864 bytes\); copy it"):
        read(content[:128] + packed)


def test_a_long_file_is_not_parsed(content):
    with pytest.raises(LabelError, match=r"^map\.mat is no MATLAB .* \(it holds more than 67,108,864 bytes\); copy it"):
        read(content + bytes(2**26))


@pytest.mark.parametrize("variable", ["groundtruth", "label_list"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_end_in_a_value_or_in_one_line(unpacked, variable, data):
    """One of these, a type of data that is 0, ends the process in scipy 1.17."""
    damaged = bytearray(unpacked)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(100, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = str(type(read(bytes(damaged[: len(damaged) - data.draw(st.integers(0, 9))]), variable)))
    except LabelError as error:
        found = str(error)
    assert "\n" not in found


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("maps") / "map.mat"
    scipy.io.savemat(path, {"groundtruth": LABELS, "label_list": np.array(["skin", "bag"], dtype=object)[None]})
    return path.read_bytes()
