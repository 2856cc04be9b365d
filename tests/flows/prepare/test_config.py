"""What a machine is told of its share of a data set."""

import pytest
from pydantic import ValidationError

from flows.prepare.config import Share


def share(folder: str) -> Share:
    return Share(dataset="doll", first=0, stop=1, digest="0", folder=folder)


def test_a_share_names_a_folder_below_prepare() -> None:
    assert share("prepare/prepare-doll-0a1.b").folder == "prepare/prepare-doll-0a1.b"


@pytest.mark.parametrize("folder", ["prepare/..", "prepare/.", "prepare/a/b", "other/a", "prepare/"])
def test_a_share_names_no_folder_elsewhere(folder: str) -> None:
    with pytest.raises(ValidationError, match="String should match pattern"):
        share(folder)
