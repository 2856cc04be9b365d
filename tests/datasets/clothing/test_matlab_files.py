"""Variables of MATLAB files: what is none, is broken or unpacks to too much ends in one line."""

import struct
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from smis.core.errors import LabelError
from smis.datasets.clothing.matlab_files import read_variable
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


def read(content: bytes, variable: str = "groundtruth") -> np.ndarray:
    return read_variable(OneFile(content), "map.mat", variable, error=LabelError)


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("maps") / "map.mat"
    save_map(path, LABELS)
    return path.read_bytes()


@pytest.mark.parametrize("options", [{}, {"do_compression": True}, {"format": "4"}])
def test_a_variable_is_what_was_saved_however_it_was(tmp_path, options):
    scipy.io.savemat(tmp_path / "map.mat", {"other": "x", "groundtruth": LABELS}, **options)
    found = read_variable(open_files(str(tmp_path)), "0:map.mat", "groundtruth", error=LabelError)
    assert np.array_equal(found, LABELS)


@pytest.mark.parametrize(
    "broken",
    [b"", b"<html>", b"\x89HDF\r\n\x1a\n" + bytes(600), b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(64)],
)
def test_what_is_no_matlab_file_of_this_kind_is_refused(broken):
    with pytest.raises(LabelError, match=r"^map\.mat (is no MATLAB file that can be read \(|has no variable)"):
        read(broken)


def test_a_file_that_unpacks_to_more_than_a_map_needs_is_not_unpacked(content):
    bomb = zlib.compress(bytes(2**26 + 1))
    with pytest.raises(LabelError, match=r"^map\.mat holds more than 67,108,864 bytes; is it what its name says\?$"):
        read(content[:128] + struct.pack("<II", 15, len(bomb)) + bomb)


def test_a_long_file_is_not_parsed(content):
    with pytest.raises(LabelError, match=r"^map\.mat holds more than 67,108,864 bytes"):
        read(content + bytes(2**26))


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 7))
def test_damaged_bytes_end_in_an_array_or_in_one_line(content, at, value, cut):
    damaged = bytearray(content)
    damaged[at % len(damaged)] = value
    try:
        found = str(read(bytes(damaged[: len(damaged) - cut])).shape)
    except LabelError as error:
        found = str(error)
    assert "\n" not in found
