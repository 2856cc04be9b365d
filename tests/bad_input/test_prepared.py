"""Prepared data sets and files of samples that are damaged, or say what their rows do not."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smis.core.errors import ShardError
from smis.core.sample import SampleRow
from smis.data import closed_shards
from smis.data.samples import read_samples, write_samples
from smis.data.schema import ShardEntry
from smis.data.shards import Prepared
from smis.data.writer import write
from tests.data.conftest import header, samples

FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(tmp_path / "small", samples(train=5, test=2), header=header("png"))
    return tmp_path / "small"


def read_everything(folder: Path) -> None:
    prepared = Prepared(folder)
    for name in ("train", "test"):
        split = prepared.split(name)
        assert split.pixels.shape == (len(split), len(prepared.classes))
        assert split.batch(range(len(split))).image.shape[2:] == (prepared.height, prepared.width)


def _index(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        table = pq.read_table(folder / "index.parquet")
        pq.write_table(change(table), folder / "index.parquet")

    return changed


def _header(**changes: str | None) -> Callable[[Path], None]:
    """Set what the index says of the data set; None takes it away."""

    def changed(table: pa.Table) -> pa.Table:
        texts = {**table.schema.metadata, **{key.encode(): value for key, value in changes.items()}}
        return table.replace_schema_metadata({key: value for key, value in texts.items() if value is not None})

    return _index(changed)


def _without_shards(table: pa.Table, key: str) -> pa.Table:
    metadata = table.schema.metadata
    entries = [{k: v for k, v in entry.items() if k != key} for entry in json.loads(metadata[b"shards"])]
    return table.replace_schema_metadata({**metadata, b"shards": json.dumps(entries)})


def _shard(change: Callable[[pa.RecordBatch], pa.RecordBatch | None]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / "train-00000.arrow"
        batch = change(pa.ipc.open_file(pa.BufferReader(path.read_bytes())).get_batch(0))
        schema = samples_schema if batch is None else batch.schema
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
            if batch is not None:
                file.write_batch(batch)

    samples_schema = pa.schema({"key": pa.string()}, {"version": "1"})
    return changed


FAULTS: dict[str, Callable[[Path], object]] = {
    "its index is empty": lambda folder: (folder / "index.parquet").write_bytes(b""),
    "its index is text": lambda folder: (folder / "index.parquet").write_text("hello"),
    "its index lacks rows": _index(lambda table: table.slice(1)),
    "its index has no row": _index(lambda table: table.slice(0, 0)),
    "its index lacks the pixels": _index(lambda table: table.drop_columns(["pixels"])),
    "its index lacks the split": _index(lambda table: table.drop_columns(["split"])),
    "its index has pixels of fewer classes": _index(
        lambda table: table.set_column(7, table.schema.field(7), pa.array([[1, 2]] * len(table), pa.list_(pa.int32())))
    ),
    "its index has no pixels in a row": _index(
        lambda table: table.set_column(7, table.schema.field(7), pa.nulls(len(table), pa.list_(pa.int32())))
    ),
    "its index has no metadata": _index(lambda table: table.replace_schema_metadata(None)),
    "its index is of another version": _header(version="99"),
    **{f"its index says no {key}": _header(**{key: None}) for key in ("dataset", "classes", "palette", "height")},
    "its index says no shards": _header(shards=None),
    "its index has shards that are no JSON": _header(shards="{"),
    "its index has shards of deep lists": _header(shards="[" * 100_000),
    "its index has shards that are numbers": _header(shards="[1]"),
    **{
        f"its index has shards without {key}": _index(lambda table, key=key: _without_shards(table, key))
        for key in ("file", "split", "rows", "checksum")
    },
    "its index has a shard elsewhere": _header(
        shards='[{"file": "../other.arrow", "split": "train", "rows": 5, "checksum": ""}]'
    ),
    "its index has classes of numbers": _header(classes="[1, 2, 3, 4, 5]"),
    "its index has a palette too short": _header(palette="[[1, 2, 3]]"),
    "its index has colors beyond 255": _header(palette="[[1, 2, 300]]"),
    "its index has a height of text": _header(height='"tall"'),
    "its index has a height of 0": _header(height="0"),
    "its index has a height of 10^12": _header(height="1000000000000"),
    "its index has a height of 5,000 digits": _header(height="9" * 5000),
    "its index has an unknown encoding": _header(encoding="gif"),
    "its shard is empty": lambda folder: (folder / "train-00000.arrow").write_bytes(b""),
    "its shard is a folder": lambda folder: (
        (folder / "train-00000.arrow").unlink(),
        (folder / "train-00000.arrow").mkdir(),
    ),
    "its shard has no batch": _shard(lambda _: None),
    "its shard lacks a row": _shard(lambda batch: batch.slice(1)),
    "its shard lacks a column": _shard(lambda batch: batch.select(["key", "image", "labels"])),
    "its shard has no metadata": _shard(lambda batch: batch.replace_schema_metadata(None)),
    "its shard has another checksum": _shard(
        lambda batch: batch.replace_schema_metadata({**batch.schema.metadata, b"checksum": b"\xff"})
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_data_set_is_refused(data: Path, fault: str) -> None:
    FAULTS[fault](data)
    with pytest.raises(ShardError, match=r"small(/index.parquet|/train-00000.arrow| has no)") as refused:
        read_everything(data)
    assert "\n" not in str(refused.value)


@FUZZ
@given(place=st.floats(0, 1), byte=st.integers(1, 255), name=st.sampled_from(["index.parquet", "train-00000.arrow"]))
def test_a_changed_byte_is_refused_or_changes_values_alone(data: Path, place: float, byte: int, name: str) -> None:
    whole = (data / name).read_bytes()
    changed = bytearray(whole)
    changed[int(place * (len(whole) - 1))] ^= byte
    (data / name).write_bytes(changed)
    with suppress(ShardError):
        read_everything(data)
    (data / name).write_bytes(whole)


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    image = np.zeros((8, 12, 3), np.uint8)
    write_samples(tmp_path / "drawn.arrow", [SampleRow("a", n, -1, image) for n in range(3)], height=8, width=12)
    return tmp_path / "drawn.arrow"


@FUZZ
@given(place=st.floats(0, 1), byte=st.integers(1, 255))
def test_a_changed_byte_of_samples_is_refused_or_changes_values_alone(drawn: Path, place: float, byte: int) -> None:
    whole = drawn.read_bytes()
    changed = bytearray(whole)
    changed[int(place * (len(whole) - 1))] ^= byte
    drawn.write_bytes(changed)
    with suppress(ShardError):
        assert all(image.shape == (8, 12, 3) for image in read_samples(drawn).image)
    drawn.write_bytes(whole)


RECORDS: dict[str, dict[str, str]] = {
    "no entry": {"after": "1"},
    "an entry that is no JSON": {"entry": "{", "after": "1"},
    "an entry with a key too few": {"entry": '{"file": "a.arrow"}', "after": "1"},
    "no end": {"entry": '{"file": "a.arrow", "split": "a", "rows": 1, "checksum": ""}'},
    "an end that is no number": {
        "entry": '{"file": "a.arrow", "split": "a", "rows": 1, "checksum": ""}',
        "after": "x",
    },
}


@pytest.mark.parametrize("fault", RECORDS)
def test_a_damaged_record_of_an_unfinished_run_is_named_and_in_a_cache_left_out(tmp_path: Path, fault: str) -> None:
    entry = ShardEntry("a.arrow", "a", 1, "")
    table = pa.table({"source": pa.array([b"0" * 16], pa.binary(16))})
    closed_shards.ClosedShard(entry, 1).save(tmp_path, table)
    assert closed_shards.count_rows(tmp_path) == 1
    pq.write_table(table.replace_schema_metadata(RECORDS[fault]), tmp_path / "a.arrow.rows")
    with pytest.raises(ShardError, match=r"a.arrow.rows is broken .*; delete"):
        closed_shards.read_all(tmp_path)
    assert closed_shards.count_rows(tmp_path) == 0
    assert closed_shards.RowCache(tmp_path).find([b"0" * 16]) == [None]
