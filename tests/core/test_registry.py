import pytest

from smis.core.errors import ParamsError
from smis.core.registry import Registry

ROWS = Registry("thing", {"path": "pathlib:Path", "broken": "no_such_module:Thing"})


def test_listing_names_imports_nothing() -> None:
    assert sorted(ROWS) == ["broken", "path"]


def test_a_name_leads_to_its_class() -> None:
    assert ROWS.load("path").__name__ == "Path"


def test_a_wrong_name_is_told_with_the_right_ones() -> None:
    with pytest.raises(ParamsError, match="there is no thing named 'paht'; there are: broken, path"):
        ROWS.load("paht")
