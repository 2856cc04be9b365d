"""A card.yaml is checked before anything is written."""

import re
from pathlib import Path
from typing import Any

import pytest

from smis.core.errors import ParamsError
from smis.zoo import readme
from smis.zoo.card import read_card
from tests.zoo import card


def test_every_field_is_read(tmp_path: Path) -> None:
    read = read_card(card.write(tmp_path / "card.yaml"))
    assert read.metrics["mCSD"].interval == (0.125, 0.14)
    assert read.training.params == {"train": {"steps": 640}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"title": None}, "title: is missing"),
        ({"titel": "x"}, "titel: there is no such key; there are: title, summary"),
        ({"license": "Apache 2.0"}, "license: String should match pattern"),
        ({"license": "other"}, "the license is other; name it: license_name"),
        ({"limits": []}, "limits: List should have at least 1 item"),
        ({"data": {"name": "a"}}, "data.license: is missing"),
        ({"data": card.FIELDS["data"] | {"md5": "abc"}}, "data.md5: String should match pattern"),
        ({"training": {"commit": "main"}}, "training.commit: String should match pattern"),
        ({"training": {"hours": -1}}, "training.hours: Input should be greater than 0"),
        ({"metrics": {"fid": {"value": float("nan")}}}, "metrics.fid.value: Input should be a finite number"),
        ({"metrics": {"fid": {"value": 1, "interval": [2, 1]}}}, "the interval of fid begins at 2 and ends at 1"),
        ({"summary": "  "}, "summary: String should have at least 1 character"),
    ],
    ids=str,
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)):
        read_card(card.write(tmp_path / "card.yaml", **changed))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", r"has no fields; it needs lines such as `title: "),
        (b"a: [\n", "is not YAML: while parsing"),
        (b"\xff\n", r"is not UTF-8 \(byte 0\)"),
        (b"[" * 10_000, "is not YAML"),
    ],
)
def test_what_is_no_mapping_of_yaml_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "card.yaml").write_bytes(content)
    with pytest.raises(ParamsError, match=message):
        read_card(tmp_path / "card.yaml")


def test_a_missing_card_says_where_its_fields_are(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"there is no card .*; docs/zoo\.md lists its fields"):
        read_card(tmp_path / "card.yaml")


@pytest.mark.parametrize("text", ["# Title\n", "---\ntitle: a\n", "", "---\n- a\n---\n"])
def test_a_readme_without_yaml_in_front_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ParamsError, match=r"does not begin with YAML|has no fields"):
        readme.read(tmp_path / "README.md")
