"""An encoded chunk as a file by itself, so that one machine makes it and another puts it into a shard."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from smis.core.errors import ShardError
from smis.core.files import written
from smis.data.index import broken
from smis.data.rows import Rows
from smis.data.schema import checksum

ENDING = ".chunk"


def save(path: Path, rows: Rows | None, *, notes: str = "") -> None:
    """Write a chunk's rows, if it has any, and what else is to be said of it."""
    batch = pa.record_batch({}) if rows is None else _with_index(rows)
    said = {"split": rows.split if rows else "", "notes": notes}
    schema = batch.schema.with_metadata(said | {"checksum": _checksum(batch, said)})
    with written(path) as beside, pa.ipc.new_file(beside, schema) as sink:
        sink.write_batch(batch.replace_schema_metadata(schema.metadata))


def load(path: Path) -> tuple[Rows | None, str]:
    """Read what `save` wrote: the rows, and the notes.

    Raises:
        ShardError: if a byte has changed.
    """
    try:
        with pa.memory_map(str(path)) as file:
            batch = pa.ipc.open_file(file).get_batch(0)
    except (OSError, pa.ArrowException) as error:
        raise broken(path, error) from None
    said = {key.decode(): value.decode() for key, value in batch.schema.metadata.items()}
    if said.pop("checksum", None) != _checksum(batch, said):
        raise ShardError(f"{path} does not have the checksum that it was written with; make it anew")
    return (_without_index(batch, said["split"]) if batch.num_columns else None), said["notes"]


def _with_index(rows: Rows) -> pa.RecordBatch:
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(rows.pixels.ravel(), pa.int32()), rows.pixels.shape[1])
    columns = {name: rows.shard.column(name) for name in rows.shard.schema.names}
    return pa.record_batch(columns | {"pixels": pixels, "objects": pa.array(rows.instances, pa.int32())})


def _without_index(batch: pa.RecordBatch, split: str) -> Rows:
    pixels = batch.column("pixels").flatten().to_numpy().reshape(batch.num_rows, -1)
    names = [name for name in batch.schema.names if name not in ("pixels", "objects")]
    schema = pa.schema([batch.schema.field(name).with_nullable(False) for name in names])
    shard = pa.record_batch([batch.column(name) for name in names], schema=schema)
    return Rows(split, shard, pixels.astype(np.int32), batch.column("objects").to_numpy().astype(np.int32))


def _checksum(batch: pa.RecordBatch, said: dict[str, str]) -> str:
    return hashlib.sha256(f"{sorted(said.items())} {checksum(batch)}".encode()).hexdigest()
