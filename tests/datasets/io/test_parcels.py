import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow as pa
import pytest

from smis.core.errors import DiskError
from smis.datasets.io import parcels
from smis.datasets.io.parcels import Parcel


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where files for other processes are written."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def large():
    images = np.random.default_rng(0).integers(0, 256, (3, 700_000), dtype=np.uint8)
    column = pa.Array.from_buffers(pa.binary(700_000), 3, [None, pa.py_buffer(images)])
    return {
        "rows": pa.record_batch({"key": ["a", "bc", "d"], "image": column}),
        "pixels": np.arange(7),
        "images": images,
    }


def test_a_large_result_comes_out_as_it_went_in_and_leaves_no_file(place):
    content = large()
    sent = pickle.dumps(Parcel(content))
    assert len(sent) < 10_000
    assert len(list(place.iterdir())) == 1
    got = pickle.loads(sent)
    assert list(place.iterdir()) == []
    assert got["rows"].equals(content["rows"])
    assert [buffer and buffer.size for buffer in got["rows"].column("image").buffers()] == [None, 2_100_000]
    for name in ("pixels", "images"):
        assert np.array_equal(got[name], content[name])


def test_a_small_result_needs_no_file(place):
    sent = pickle.dumps(Parcel([1, np.arange(3)]))
    assert list(place.iterdir()) == []
    number, array = pickle.loads(sent)
    assert (number, array.tolist()) == (1, [0, 1, 2])


def test_another_process_gets_it(place):
    (place / "sent").write_bytes(pickle.dumps(Parcel(large())))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))['images'].sum())"
    told = subprocess.run([sys.executable, "-c", code, place / "sent"], capture_output=True, text=True, check=True)
    assert int(told.stdout) == large()["images"].sum()


def test_a_full_disk_is_one_line_and_leaves_no_file(place, monkeypatch):
    # /dev/full takes nothing, as a disk without room
    monkeypatch.setattr(parcels.tempfile, "mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), str(place / "x")))
    (place / "x").touch()
    with pytest.raises(DiskError, match=r"cannot write .*/x: no space left on device; free space"):
        pickle.dumps(Parcel(large()))
    assert list(place.iterdir()) == []
