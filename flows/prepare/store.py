"""A folder in the default DVC remote, where machines leave files for one another; S3, or a folder that all of them see.

A file appears there whole or not at all: S3 does so, and DVC's other file systems write beside and rename.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.fs import get_cloud_fs

from flows.errors import EndedError, FlowError, StageError
from flows.processes import Children

_AT_ONCE = 8


class Store:
    """Files by name.

    Raises:
        StageError: if the workspace has no default remote; later, if it cannot be reached.
    """

    def __init__(self, workspace: Path, folder: str) -> None:
        config = Config(str(workspace / ".dvc"), validate=False)
        remote = config["core"].get("remote")
        if remote is None:
            raise StageError(
                "machines meet in the default DVC remote, and there is none; name one with "
                "`dvc remote add --default store s3://BUCKET/PREFIX`, or a folder that all of them see"
            )
        with _explained(remote):
            kind, settings, path = get_cloud_fs(config, name=remote)
            self._files: Any = kind(**settings)  # pyright: ignore[reportOptionalCall]
        self._remote, self._folder = remote, self._files.join(path, folder)

    def names(self) -> set[str]:
        """List the files."""
        with _explained(self._remote):
            if not self._files.exists(self._folder):
                return set()
            return {self._files.name(path) for path in self._files.find(self._folder)}

    def put(self, path: Path) -> None:
        """Bring a file there."""
        with _explained(self._remote):
            self._files.put_file(str(path), self._files.join(self._folder, path.name))

    def get(self, names: Sequence[str], folder: Path, children: Children) -> None:
        """Fetch files into a folder here, where they are seen when they are whole."""
        folder.mkdir(parents=True, exist_ok=True)

        def fetch(name: str) -> None:
            if children.ended:
                raise EndedError("fetching was ended with its flow")
            beside = folder / f".{name}.part"
            self._files.get_file(self._files.join(self._folder, name), str(beside))
            beside.replace(folder / name)

        with _explained(self._remote), ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(fetch, names))

    def clear(self) -> None:
        """Take everything away."""
        with _explained(self._remote):
            if self._files.exists(self._folder):
                self._files.rm(self._folder, recursive=True)


@contextmanager
def _explained(remote: str) -> Iterator[None]:
    """File systems raise exceptions of their own clouds, which share no base."""
    try:
        yield
    except FlowError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StageError(
            f"cannot use the DVC remote {remote} ({reason}); see `dvc remote list` and its keys"
        ) from error
