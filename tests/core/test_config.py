from typing import Any, ClassVar

import pytest
from pydantic import Field

from smis.core.config import Config
from smis.core.errors import ParamsError


class Inner(Config):
    width: int = Field(64, gt=0)
    height: int = 64


class Section(Config):
    presets: ClassVar[dict[str, dict[str, Any]]] = {"small": {"steps": 3, "inner": {"width": 8, "height": 4}}}
    steps: int
    inner: Inner = Inner(width=64)


def test_a_preset_fills_in_and_own_keys_win_at_every_depth() -> None:
    own = {"preset": "small", "steps": 5, "inner": {"width": 9}}
    assert Section.check(own, source="x") == Section(steps=5, inner=Inner(width=9, height=4))


def test_an_unknown_preset_is_named_with_what_there_is() -> None:
    with pytest.raises(ParamsError, match="preset 'tiny' is not known; there are: small"):
        Section.check({"preset": "tiny"}, source="x")


def test_all_mistakes_are_told_with_paths_and_values() -> None:
    with pytest.raises(ParamsError) as caught:
        Section.check({"stesp": 1, "inner": {"width": 0}}, source="params.yaml", at="systems.s")
    assert str(caught.value).splitlines() == [
        "params.yaml does not fit:",
        "  systems.s.steps: is missing",
        "  systems.s.inner.width: Input should be greater than 0 (it is 0)",
        "  systems.s.stesp: there is no such key; there are: steps, inner",
    ]


def test_a_single_mistake_is_a_single_line() -> None:
    with pytest.raises(
        ParamsError, match=r"^params.yaml: inner.wdith: there is no such key; there are: width, height$"
    ):
        Section.check({"steps": 1, "inner": {"wdith": 3}}, source="params.yaml")
