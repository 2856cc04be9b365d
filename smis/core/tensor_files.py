"""Safetensors files: written atomically and to the same bytes, read with one kind of error for all that is broken."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from smis.core.files import open_file, written


class BrokenTensorsError(ValueError):
    """A file is no safetensors file, or is damaged; the message is the reason."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata atomically; the same of both give the same bytes.

    Raises:
        DiskError: if the file cannot be written.
    """
    ready = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    with written(path) as temporary:
        _save(temporary, ready, metadata=dict(metadata))
        _sort_metadata(temporary)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors (on the CPU) and metadata.

    Raises:
        FileNotFoundError: if there is nothing of this name.
        UnreadableError: if it is no file, or not readable.
        BrokenTensorsError: if it is damaged.

    Example:
        >>> import torch
        >>> write_tensors(Path("two.safetensors"), {"a": torch.ones(2)}, metadata={"step": "7"})
        >>> read_tensors(Path("two.safetensors"))
        ({'a': tensor([1., 1.])}, {'step': '7'})
    """
    open_file(path).close()
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise BrokenTensorsError(" ".join(str(error).split())) from None


def _save(path: Path, tensors: dict[str, Tensor], *, metadata: dict[str, str]) -> None:
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(tensors, path, metadata=metadata)
        path.chmod(mode)  # safetensors creates files that only their owner can read
    except SafetensorError as error:
        # safetensors reports a full disk by its number alone; `written` makes a message of an OSError.
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _sort_metadata(path: Path) -> None:
    """Sort the metadata, which safetensors writes in random order: DVC compares bytes."""
    with path.open("rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        file.seek(8)
        file.write(text.ljust(size))
