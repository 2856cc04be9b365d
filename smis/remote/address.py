"""Where the remote of a workspace is, as `dvc remote` has written it."""

import configparser
from dataclasses import dataclass
from pathlib import Path

from smis.core.errors import ParamsError

_FILES = ("config", "config.local")
_HINT = "name one with `dvc remote add --default store s3://BUCKET/PREFIX`"


@dataclass(frozen=True)
class Address:
    """A bucket, the folder in it, and the server where it is not Amazon's or the environment's."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None

    @classmethod
    def of(cls, url: str, *, endpoint: str | None = None) -> "Address":
        """Take s3://BUCKET/PREFIX apart.

        Raises:
            ParamsError: if it is something else.
        """
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not bucket:
            raise ParamsError(f"the remote is {url!r}, but this works on s3://BUCKET/PREFIX only; {_HINT}")
        return cls(bucket, prefix.strip("/"), endpoint)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, name: str) -> str:
        """Return the key of what has this name in the folder."""
        return f"{self.prefix}/{name}" if self.prefix else name


def of_workspace(folder: Path, *, name: str | None = None) -> Address:
    """Return the workspace's remote of this name, or its default one.

    Raises:
        ParamsError: if there is none, or it is not on S3.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read([folder / ".dvc" / file for file in _FILES])
    name = name or config.get("core", "remote", fallback=None)
    section = f"'remote \"{name}\"'"
    if name is None or not config.has_section(section):
        told = "the workspace has no default remote" if name is None else f"the workspace has no remote {name!r}"
        raise ParamsError(f"{told}; {_HINT}")
    return Address.of(config.get(section, "url"), endpoint=config.get(section, "endpointurl", fallback=None))
