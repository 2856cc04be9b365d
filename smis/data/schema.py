"""What stands in a prepared file's schema: its columns, and what its metadata says about the data set."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from smis.core.errors import ShardError
from smis.core.images import Encoding

VERSION = 1
TRAIN = "train"
"""The split that is loaded larger than it is seen, where one is."""
REMEDY = "run `dvc repro prepare` again"


@dataclass(frozen=True)
class ShardEntry:
    """One shard as the index knows it; the checksum is SHA-256 over its columns."""

    file: str
    split: str
    rows: int
    checksum: str


@dataclass(frozen=True)
class Header:
    """What holds for a whole data set; the index carries it, and every shard does, so that neither is a riddle.

    Where there is a `load_size` (height, width), training images have it in their files, and a place of `height` x
    `width` is cut from them when they are read.
    """

    dataset: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    height: int
    width: int
    encoding: Encoding = "raw"
    shards: tuple[ShardEntry, ...] = ()
    load_size: tuple[int, int] | None = None
    ignored: tuple[int, ...] | None = None
    """Ids that no metric counts: pixels that nobody labeled, and what the data set's own evaluation leaves out."""

    def size_of(self, split: str) -> tuple[int, int]:
        """Return height and width of a split's images in their files."""
        return self.load_size if self.load_size and split == TRAIN else (self.height, self.width)

    def metadata(self, **more: str) -> dict[str, str]:
        """Say it as Arrow's metadata: text, lists as JSON."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        return {"version": str(VERSION), **text, **more}

    @classmethod
    def read(cls, metadata: Mapping[bytes, bytes] | None, *, source: Any) -> "Header":
        """Read what `metadata` wrote.

        Raises:
            ShardError: if another program, or another version of this one, wrote it.
        """
        text = {key.decode(): value.decode() for key, value in (metadata or {}).items()}
        version = text.get("version", "none")
        if version != str(VERSION):
            raise ShardError(f"{source} is of version {version}, but this smis reads version {VERSION}; {REMEDY}")
        return cls(
            dataset=text["dataset"],
            classes=tuple(json.loads(text["classes"])),
            palette=tuple((r, g, b) for r, g, b in json.loads(text["palette"])),
            height=int(text["height"]),
            width=int(text["width"]),
            encoding=text["encoding"],  # pyright: ignore[reportArgumentType]
            shards=tuple(ShardEntry(**entry) for entry in json.loads(text["shards"])),
            load_size=tuple(json.loads(text["load_size"])) if "load_size" in text else None,
            ignored=tuple(json.loads(text["ignored"])) if "ignored" in text else None,
        )

    def with_shards(self, shards: tuple[ShardEntry, ...]) -> "Header":
        """Name the shards, which are known at the end."""
        return replace(self, shards=shards)


def shard_schema(header: Header, split: str) -> pa.Schema:
    """Return a shard's columns: rows of one width where raw, so that the place of an image needs no looking up."""
    height, width = header.size_of(split)
    pixels = height * width
    raw = header.encoding == "raw"
    return pa.schema(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("image", pa.binary(3 * pixels if raw else -1), nullable=False),
            pa.field("labels", pa.binary(pixels if raw else -1), nullable=False),
            pa.field("instances", pa.binary(2 * pixels if raw else -1), nullable=False),
        ]
    )


def checksum(batch: pa.RecordBatch) -> str:
    """Return the SHA-256 of a shard's columns, as hexadecimal."""
    digest = hashlib.sha256()
    for column in batch.columns:
        for buffer in column.buffers():
            if buffer is not None:
                digest.update(buffer)
    return digest.hexdigest()


INDEX_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("split", pa.string()),
        pa.field("shard", pa.string()),
        pa.field("row", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("width", pa.int32()),
        pa.field("classes", pa.list_(pa.int32())),
        pa.field("pixels", pa.list_(pa.int32())),
        pa.field("instances", pa.int32()),
    ]
)
"""`classes`: those present. `pixels`: a count for each class of the data set. `instances`: how many."""
