"""All that is on the screen as one zip file, which opens again. Members are read by fixed names, never extracted."""

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from pydantic import ValidationError

from smis.core.config import Config, first_mistake
from smis.core.errors import StyleError
from smis.studio.api_messages import ModelName
from smis.studio.style_recipe import Key, StyleRecipe

DESCRIPTION = "studio.json"
MOST_MEMBERS = 256
MOST_BYTES = 256 * 2**20
"""Of all members that are read, unpacked."""
_VERSION = 1
_DATE = (1980, 1, 1, 0, 0, 0)
"""The first that a zip can have: the same content gives the same bytes."""
_UPLOAD = re.compile(r"upload_\d{1,3}\.(png|safetensors)")
_DAMAGED = (zipfile.BadZipFile, zlib.error, KeyError, EOFError, OSError, NotImplementedError, RuntimeError)
"""What `zipfile` raises; RuntimeError for a password."""
_REMEDY = "bring in a file that the studio saved"


class BundleDescription(Config):
    """What studio.json says."""

    version: int = _VERSION
    model: ModelName
    recipe: StyleRecipe
    uploads: dict[Key, str] = {}
    """The member that has an upload, by its key."""


@dataclass(frozen=True)
class Bundle:
    """What a zip file holds."""

    description: BundleDescription
    labels: bytes
    instances: bytes | None
    uploads: dict[str, bytes]
    """Files of photographs and styles, by the keys of the recipe."""


def write_bundle(description: BundleDescription, files: Mapping[str, bytes]) -> bytes:
    """Return a zip file with studio.json and the other files; the same content gives the same bytes."""
    about = description.model_dump_json(by_alias=True, exclude_none=True, indent=1)
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in {DESCRIPTION: about.encode(), **files}.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return target.getvalue()


def read_bundle(data: bytes) -> Bundle:
    """Read what `write_bundle` wrote.

    Raises:
        StyleError: if it is no such file, or larger than is allowed.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _read(_Members(archive))
    except ValidationError as error:
        raise StyleError(f"{DESCRIPTION} of the bundle: {first_mistake(error)}; {_REMEDY}") from None
    except _DAMAGED:
        raise StyleError(f"the bundle is no zip file of the studio, or is damaged; {_REMEDY}") from None


def _read(members: "_Members") -> Bundle:
    description = BundleDescription.model_validate_json(members.read(DESCRIPTION))
    wrong = [name for name in description.uploads.values() if not _UPLOAD.fullmatch(name)]
    if description.version != _VERSION or wrong:
        what = f"has version {description.version}, allowed is {_VERSION}" if not wrong else "names files of others"
        raise StyleError(f"{DESCRIPTION} of the bundle {what}; {_REMEDY}")
    uploads = {key: members.read(name) for key, name in description.uploads.items()}
    instances = members.read("instances.png") if "instances.png" in members else None
    return Bundle(description, members.read("labels.png"), instances, uploads)


class _Members:
    """Read members of an archive as long as they are not larger than all that is allowed."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive, self._left = archive, MOST_BYTES
        if len(archive.infolist()) > MOST_MEMBERS:
            raise StyleError(f"the bundle has {len(archive.infolist())} members, allowed are {MOST_MEMBERS}; {_REMEDY}")

    def __contains__(self, name: str) -> bool:
        return name in self._archive.namelist()

    def read(self, name: str) -> bytes:
        with self._archive.open(name) as member:
            content = member.read(self._left + 1)  # what the head says of its size may be wrong
        self._left -= len(content)
        if self._left < 0:
            raise StyleError(f"the bundle has more than {MOST_BYTES // 2**20} MiB unpacked; {_REMEDY}")
        return content
