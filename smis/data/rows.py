"""Samples -> checked and encoded rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy import ndarray

from smis.core.errors import ImageError, LabelError
from smis.core.images import encode_image, encode_map
from smis.core.run_lengths import lengths_of, starts_of
from smis.core.sample import Sample, check_range
from smis.data.schema import Header, shard_schema


@dataclass(frozen=True)
class Rows:
    """Encoded samples of one split: columns of the shard, and statistics for the index."""

    split: str
    shard: pa.RecordBatch
    pixels: ndarray
    """(n, classes), int32."""
    instances: ndarray
    """(n,), int32: the number of instances."""
    sources: tuple[bytes, ...] = ()
    """Digests (16 bytes) of what each row was made from, where known: the same source gives the same row."""

    def __len__(self) -> int:
        return self.shard.num_rows


def encode_rows(samples: Sequence[Sample], header: Header) -> Rows:
    """Check and encode samples of one split.

    Raises:
        LabelError: for a label that is no class, or an instance of two classes.
        ImageError: for an image of another size than the others.
    """
    pixels = np.stack([check_sample(sample, header) for sample in samples])
    columns = [pa.array([sample.key for sample in samples], pa.string())]
    columns += _raw(samples) if header.encoding == "raw" else _encoded(samples, header)
    return Rows(
        split=samples[0].split,
        shard=pa.record_batch(columns, schema=shard_schema(header, samples[0].split)),
        pixels=pixels,
        instances=np.array([int(sample.instances.max()) + 1 for sample in samples], dtype=np.int32),
    )


def gather_rows(selection: Sequence[tuple[Rows, int]]) -> Rows:
    """Collect single rows, to the byte as if they had been encoded together."""
    first = selection[0][0]
    columns = []
    for field in first.shard.schema:
        values = [rows.shard.column(field.name)[row].as_py() for rows, row in selection]
        columns.append(_column(values, field.type))
    return Rows(
        split=first.split,
        shard=pa.record_batch(columns, schema=first.shard.schema),
        pixels=np.stack([rows.pixels[row] for rows, row in selection]),
        instances=np.array([rows.instances[row] for rows, row in selection], dtype=np.int32),
    )


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_binary(kind):
        return pa.array(values, kind)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(b"".join(values))])


def check_sample(sample: Sample, header: Header) -> ndarray:
    """Check a sample against its data set; return the number of pixels of each class (int32)."""
    size = header.size_of(sample.split)
    for name, array in (("the image", sample.image), ("labels", sample.labels), ("instances", sample.instances)):
        if array.shape[:2] != size:
            actual, expected = (" x ".join(map(str, each)) for each in (array.shape[:2], size))
            raise ImageError(f"{name} of {sample.key} is {actual}, but the data set's pictures are {expected}")
    classes, starts = len(header.classes), starts_of(sample.labels, sample.instances)
    labels, instances = sample.labels.ravel()[starts], sample.instances.ravel()[starts]
    check_range(int(labels.min()), int(labels.max()), name=sample.key, classes=classes)
    _check_instances(instances.astype(np.intp), labels, key=sample.key)
    counts = np.bincount(labels, weights=lengths_of(starts, sample.labels.size), minlength=classes)
    return counts.astype(np.int32)


def _check_instances(instances: ndarray, labels: ndarray, *, key: str) -> None:
    class_of = np.full(int(instances.max()) + 1, -1, dtype=np.int16)
    class_of[instances] = labels
    mixed = class_of.take(instances) != labels
    if mixed.any():
        remedy = "an instance is one object of one class: give each class its own id"
        raise LabelError(f"instance {instances[mixed][0]} of {key} covers more than one class; {remedy}")
    unused = np.flatnonzero(class_of < 0)
    if unused.size:
        raise LabelError(
            f"instances of {key} run to {len(class_of) - 1}, but no pixel has {unused[0]}; number them from 0"
        )


def _raw(samples: Sequence[Sample]) -> list[pa.Array]:
    arrays = [np.stack([getattr(sample, name) for sample in samples]) for name in ("image", "labels", "instances")]
    arrays = [np.ascontiguousarray(array, kind) for array, kind in zip(arrays, ("u1", "u1", "<u2"), strict=True)]
    return [
        pa.Array.from_buffers(pa.binary(array.nbytes // len(array)), len(array), [None, pa.py_buffer(array)])
        for array in arrays
    ]


def _encoded(samples: Sequence[Sample], header: Header) -> list[pa.Array]:
    images = [encode_image(sample.image, header.encoding) for sample in samples]
    maps = [[encode_map(getattr(sample, name)) for sample in samples] for name in ("labels", "instances")]
    return [pa.array(column, pa.binary()) for column in (images, *maps)]
