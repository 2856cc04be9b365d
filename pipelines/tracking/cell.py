"""The files of one cell, as MLflow wants to see them."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from smis.core.history import read_history

_STEP = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class Cell:
    """One data set with one system; paths are relative to the workspace."""

    dataset: str
    system: str

    @classmethod
    def named(cls, name: str) -> "Cell":
        """Read `dataset/system`."""
        dataset, _, system = name.partition("/")
        return cls(dataset, system)

    @property
    def name(self) -> str:
        """Return `dataset/system`."""
        return f"{self.dataset}/{self.system}"

    @property
    def folder(self) -> Path:
        """Where train, sample and evaluate write."""
        return Path("runs", self.dataset, self.system)

    @property
    def checkpoint(self) -> Path:
        """The finished weights."""
        return self.folder / "checkpoint.safetensors"

    @property
    def samples(self) -> Path:
        """The folder of drawn pictures."""
        return self.folder / "samples"

    @property
    def metrics(self) -> Path:
        """The measured values."""
        return Path("metrics", self.dataset, f"{self.system}.json")

    @property
    def missing(self) -> Path | None:
        """The first file without which there is nothing to publish."""
        needed = (self.checkpoint, self.folder / "history.jsonl", self.metrics)
        return next((path for path in needed if not path.exists()), None)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the checkpoint: the name by which MLflow knows this training."""
        return digest([self.checkpoint])

    def curves(self) -> dict[int, dict[str, float]]:
        """Read the values of history.jsonl by step."""
        return {int(row["step"]): curve_values(row) for row in read_history(self.folder / "history.jsonl")}

    def values(self) -> dict[str, float]:
        """Read the metrics, with the ends of their intervals as values of their own."""
        found: dict[str, float] = {}
        for name, result in self.results().items():
            low, high = result.get("interval") or (None, None)
            named = {name: result["value"], f"{name}_low": low, f"{name}_high": high}
            found |= {key: float(value) for key, value in named.items() if value is not None}
        return found

    def results(self) -> dict[str, dict[str, Any]]:
        """Read the metrics as they stand: value, interval, protocol."""
        return json.loads(self.metrics.read_text())

    def pictures(self) -> dict[int, Path]:
        """Find the sample grids by step."""
        found = {_STEP.search(path.stem): path for path in sorted(self.folder.glob("grids/*.png"))}
        return {int(match[1]): path for match, path in found.items() if match}

    def tables(self) -> list[Path]:
        """Find what `evaluate` wrote beside the metrics: tables, and the plot of the classes."""
        return sorted(path for path in self.folder.glob("tables/*") if path.is_file())

    def fingerprint(self) -> str:
        """Return a cheap sign that no file has changed: names, sizes and times, without reading gigabytes."""
        paths = [
            self.checkpoint,
            self.folder / "history.jsonl",
            self.metrics,
            *self.tables(),
            *self.pictures().values(),
        ]
        states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        return hashlib.sha256(repr(states).encode()).hexdigest()


def curve_values(row: dict[str, Any]) -> dict[str, float]:
    """Name the numbers of one line of a curve as MLflow groups them."""
    numbers = {key: value for key, value in row.items() if isinstance(value, int | float) and key != "step"}
    return {f"train/{key}": float(value) for key, value in numbers.items()}


def digest(paths: list[Path]) -> str:
    """Return the SHA-256 of files, one after the other."""
    if len(paths) == 1:
        with paths[0].open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256("".join(digest([path]) for path in paths).encode()).hexdigest()
