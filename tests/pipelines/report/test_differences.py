"""Comparing systems pair by pair."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.report.result_tables import MINUS, DifferenceTable, difference_table
from smis.core.errors import ParamsError
from smis.metrics.image.result import Result

from .conftest import result, typed

SHARED = np.random.default_rng(0).normal(0, 0.05, size=400)


def drawn(name: str, value: float, *, own: int) -> Result:
    """What the label maps do to every system, and a little of the system's own."""
    draws = value + SHARED + np.random.default_rng(own).normal(0, 0.002, size=400)
    return replace(typed({name: result(value)})[name], draws=draws)


def differences() -> DifferenceTable:
    measured = {
        "vspade": {"mOCD": drawn("mOCD", 0.18, own=1), "mCSD": drawn("mCSD", 0.03, own=2)},
        "groupdnet": {"mOCD": drawn("mOCD", 0.02, own=3), "mCSD": drawn("mCSD", 0.031, own=4)},
        "inade": {"mCSD": drawn("mCSD", 0.01, own=5)},
    }
    table = difference_table(measured, baseline=None)
    assert table is not None
    return table


def test_the_first_system_is_the_baseline_and_every_other_has_a_row() -> None:
    assert differences().baseline == "vspade"
    assert [system for system, _ in differences().rows] == ["groupdnet", "inade"]
    assert [column.name for column in differences().columns] == ["mCSD", "mOCD"]


def test_a_difference_says_whether_it_is_real_and_whether_it_is_good() -> None:
    (_, (varied, still)), (_, (less, nothing)) = differences().rows
    verdicts = [entry and (entry.text, entry.verdict) for entry in (varied, still, less, nothing)]
    assert verdicts == [("+0.0010", "within noise"), (f"{MINUS}0.1600", "better"), (f"{MINUS}0.0200", "worse"), None]


def test_costs_of_two_devices_stand_in_no_table_of_differences() -> None:
    one, other = found_speed("cpu"), found_speed("NVIDIA H100")
    assert difference_table({"inade": one, "spade": other}, baseline=None) is None


def found_speed(device: str) -> dict[str, Result]:
    speed = drawn("images_per_second", 50, own=6)
    return {speed.name: replace(speed, protocol={"device": device})}


def test_a_baseline_that_was_not_measured_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"report\.baseline: 'spade' was not measured; there are: inade"):
        difference_table({"inade": {}}, baseline="spade")


def test_one_system_has_nothing_to_be_compared_with() -> None:
    assert difference_table({"inade": {"mCSD": drawn("mCSD", 0.01, own=1)}}, baseline=None) is None
