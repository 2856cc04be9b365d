"""The schema of prepared files: their columns, and the description of the data set in their metadata."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field, NonNegativeInt, TypeAdapter, ValidationError

from smis.core.config import first_mistake
from smis.core.errors import ShardError
from smis.core.files import UnreadableError, open_file
from smis.core.images import Encoding

VERSION = 1
TRAIN = "train"
"""The split that is loaded larger than it is seen, where one is."""
_TEXTS = {"dataset", "encoding"}
"""Fields of a header that are text as they are; the others are JSON."""
REMEDY = "run `dvc repro prepare` again"
UNREADABLE = (OSError, ValueError, KeyError, pa.ArrowException)
"""What pyarrow raises for a broken file; ValueError for names that are not UTF-8, too."""
_Side = Annotated[int, Field(ge=1, le=16384)]
_Byte = Annotated[int, Field(ge=0, le=255)]


@dataclass(frozen=True)
class ShardEntry:
    """One shard as the index knows it; the checksum is SHA-256 over its columns."""

    file: Annotated[str, Field(pattern=r"^[^/]+\.arrow$")]
    split: str
    rows: NonNegativeInt
    checksum: str


@dataclass(frozen=True)
class Header:
    """What holds for a whole data set; the index and every shard contain it, so that each explains itself.

    With a `load_size` (height, width), training images have that size in their files, and a window of `height` x
    `width` is cropped from them when they are read.

    Example:
        >>> header = Header("toy", ("a", "b"), ((0, 0, 0), (255, 0, 0)), height=256, width=256, load_size=(286, 286))
        >>> header.size_of("train"), header.size_of("test")
        ((286, 286), (256, 256))
    """

    dataset: str
    classes: tuple[str, ...]
    palette: tuple[tuple[_Byte, _Byte, _Byte], ...]
    height: _Side
    width: _Side
    encoding: Encoding = "raw"
    shards: tuple[ShardEntry, ...] = ()
    load_size: tuple[_Side, _Side] | None = None
    ignored: tuple[int, ...] | None = None
    """Ids that no metric counts: pixels that nobody labeled, and what the data set's own evaluation leaves out."""

    def size_of(self, split: str) -> tuple[int, int]:
        """Return height and width of a split's images in their files."""
        return self.load_size if self.load_size and split == TRAIN else (self.height, self.width)

    def metadata(self, **more: str) -> dict[str, str]:
        """Return it as Arrow's metadata: text, lists as JSON."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        return {"version": str(VERSION), **text, **more}

    @classmethod
    def read(cls, metadata: Mapping[bytes, bytes] | None, *, source: Any) -> "Header":
        """Read what `metadata` wrote.

        Raises:
            ShardError: if another program, or another version of this one, wrote it, or something is missing in it.
        """
        text = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (metadata or {}).items()}
        version = text.get("version", "none")
        if version != str(VERSION):
            raise ShardError(f"{source} is of version {version}, but this smis reads version {VERSION}; {REMEDY}")
        own = {field.name: text[field.name] for field in fields(cls) if field.name in text}
        try:
            values = {name: value if name in _TEXTS else json.loads(value) for name, value in own.items()}
            header = _HEADER.validate_python(values)
        except ValidationError as error:
            raise broken(source, first_mistake(error)) from None
        except (ValueError, RecursionError) as error:
            raise broken(source, error) from None
        if len(header.palette) != len(header.classes):
            raise broken(source, f"{len(header.classes)} classes have {len(header.palette)} colors")
        return header

    def with_shards(self, shards: tuple[ShardEntry, ...]) -> "Header":
        """Return the header with its shards, which are known at the end."""
        return replace(self, shards=shards)


_HEADER = TypeAdapter(Header)


def check_readable(path: Path, *, missing: str) -> None:
    """Refuse what is no file that this user may read, before Arrow maps it.

    Raises:
        ShardError: `missing`, if there is nothing of this name; else the reason and what to do.
    """
    try:
        open_file(path).close()
    except FileNotFoundError:
        raise ShardError(missing) from None
    except UnreadableError as error:
        raise ShardError(f"cannot read {path} ({error}); {error.remedy}") from None


def broken(source: Any, reason: Exception | str) -> ShardError:
    """Return the error of a file that cannot be read."""
    return ShardError(f"{source} is broken ({' '.join(str(reason).split()).rstrip('.')}); {REMEDY}")


def shard_schema(header: Header, split: str) -> pa.Schema:
    """Return a shard's columns: rows of one width where raw, so that the place of an image needs no looking up."""
    height, width = header.size_of(split)
    sizes = {"image": 3, "labels": 1, "instances": 2}
    kinds = {name: pa.binary(size * height * width if header.encoding == "raw" else -1) for name, size in sizes.items()}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in {"key": pa.string(), **kinds}.items()])


def checksum(batch: pa.RecordBatch) -> str:
    """Return the SHA-256 of a shard's columns, as hexadecimal."""
    digest = hashlib.sha256()
    for column in batch.columns:
        for buffer in column.buffers():
            if buffer is not None:
                digest.update(buffer)
    return digest.hexdigest()


INDEX_SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "split": pa.string(),
        "shard": pa.string(),
        "row": pa.int32(),
        "height": pa.int32(),
        "width": pa.int32(),
        "classes": pa.list_(pa.int32()),
        "pixels": pa.list_(pa.int32()),
        "instances": pa.int32(),
    }
)
"""`classes`: those present. `pixels`: a count for each class of the data set. `instances`: how many."""
