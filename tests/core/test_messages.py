import errno
import sys
from unittest.mock import Mock

import pytest
from hypothesis import given, strategies

from smis.core.messages import escape, report


@given(strategies.text(strategies.characters(exclude_categories=())))
def test_no_character_of_a_message_steers_the_terminal(text: str) -> None:
    assert all(line.isprintable() for line in escape(text).split("\n"))


@pytest.mark.parametrize("text", ["naïve 日本語 🎨.png", "3 of 4 do not fit:\n  a.png is gray\n  b.png is gray"])
def test_what_a_person_can_read_stays_as_it_is(text: str) -> None:
    assert escape(text) == text


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    assert escape("caf\udce9.png") == r"caf\xe9.png"


def test_a_full_disk_behind_standard_error_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Mock(write=Mock(side_effect=OSError(errno.ENOSPC, "no space left"))))
    report("error: this cannot be read")
