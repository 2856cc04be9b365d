"""A workspace whose trials take no time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.sweeps import SweepWorkspace


@pytest.fixture
def small(tmp_path: Path, home: Path) -> Iterator[SweepWorkspace]:
    made = SweepWorkspace(tmp_path / "main", home=home)
    yield made
    made.end()


@pytest.fixture
def inside(small: SweepWorkspace, monkeypatch: pytest.MonkeyPatch) -> SweepWorkspace:
    """The same, as the current folder of the test's own process."""
    monkeypatch.chdir(small.path)
    monkeypatch.delenv("SMIS_STUDIES", raising=False)
    return small
