from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smis.core.errors import ParamsError, ShardError
from smis.metrics.image.feature_statistics import Statistics

FITS: dict[str, Any] = {"mu": np.zeros(3), "sigma": np.eye(3)}


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"mu": np.array([0, np.nan, 0])}, "mu has values that are not finite"),
        ({"sigma": np.full((3, 3), np.inf)}, "sigma has values that are not finite"),
        ({"mu": np.zeros(3, dtype=complex)}, "its mu is of complex128, not of real numbers"),
        ({"mu": np.array(["a", "b", "c"])}, "its mu is of <U1, not of real numbers"),
        ({"mu": np.zeros(2)}, r"mu and sigma of the shapes \(2,\) and \(3, 3\)"),
        ({"mu": np.array([{}, {}, {}])}, "its mu is no array, or cut off"),
        ({"count": np.arange(3)}, "its count is no whole number"),
        ({"protocol": np.array("no JSON")}, "its protocol is no object of JSON, but 'no JSON'"),
        ({"protocol": np.array("[1]")}, r"its protocol is no object of JSON, but '\[1\]'"),
        ({"vectors": np.zeros((5, 2))}, r"vectors of the shape \(5, 2\) beside a mu of 3 numbers"),
    ],
)
def test_statistics_that_no_distance_can_use_are_refused(tmp_path: Path, spoilt: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "s.npz", allow_pickle=True, **(FITS | spoilt))
    with pytest.raises(ShardError, match=f"s.npz holds no statistics .*: {reason}.*; make it again") as refused:
        Statistics.read(tmp_path / "s.npz")
    assert "pickle" not in str(refused.value)


def test_a_file_of_another_kind_is_no_statistics(tmp_path: Path) -> None:
    with (tmp_path / "s.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ShardError, match=r"it is no \.npz file; make it again"):
        Statistics.read(tmp_path / "s.npz")


def test_a_gaussian_of_nan_cannot_be_made() -> None:
    with pytest.raises(ParamsError, match="mu has values that are not finite"):
        Statistics(torch.full((2,), torch.nan).double(), torch.eye(2).double())
