"""The lock names versions and hashes, and no place."""

import re
from pathlib import Path

LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text()


def test_the_lock_names_no_host() -> None:
    assert not re.search(r"https?://|--index|--find-links", LOCK)


def test_every_package_is_pinned_with_hashes() -> None:
    entries = re.findall(r"^[a-z0-9][^\n]*(?:\n    --hash=[^\n]*)*", LOCK, flags=re.MULTILINE)
    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
