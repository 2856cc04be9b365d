"""Lining up systems."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.report.result_tables import ResultTable, result_table
from smis.core.errors import ProtocolError
from smis.metrics.image.result import Result

from .conftest import result, typed


def build(measured: dict[str, dict[str, Any]], *, cost: bool = False) -> ResultTable:
    return result_table("dolls", {system: typed(metrics) for system, metrics in measured.items()}, cost=cost)


def test_speeds_on_two_devices_share_a_column_but_none_is_the_best() -> None:
    slow, fast = result(1.0, batch=1), result(9.0, batch=1)
    fast["protocol"]["device"] = "NVIDIA H100"
    table = build({"inade": {"images_per_second": slow}, "spade": {"images_per_second": fast}}, cost=True)
    entries = [row.entries[0] for row in table.rows]
    assert [(entry.best, entry.device) for entry in entries if entry] == [(False, "cpu"), (False, "NVIDIA H100")]


def test_values_that_are_written_alike_are_both_the_best() -> None:
    table = build({"inade": {"mIoU": result(0.70001)}, "spade": {"mIoU": result(0.70002)}})
    assert [row.entries[0].best for row in table.rows if row.entries[0]] == [True, True]


@pytest.mark.parametrize(("apart", "best"), [(0.001, [True, True]), (0.1, [False, True])])
def test_what_cannot_be_told_from_the_best_is_marked_too(apart: float, best: list[bool]) -> None:
    def drawn(value: float, seed: int) -> dict[str, Result]:
        draws = value + np.random.default_rng(seed).normal(0, 0.01, size=200)
        return {"mIoU": replace(typed({"mIoU": result(value)})["mIoU"], draws=draws)}

    table = result_table("dolls", {"inade": drawn(0.7, 0), "spade": drawn(0.7 + apart, 1)})
    assert [row.entries[0].best for row in table.rows if row.entries[0]] == best


def test_stillness_is_no_merit_where_nothing_varies() -> None:
    still = {"mCSD": result(0.0), "mOCD": result(0.0)}
    table = build({"spade": still, "vspade": {"mCSD": result(0.02), "mOCD": result(0.18)}})
    assert [[entry.best for entry in row.entries if entry] for row in table.rows] == [[False, False], [True, True]]


def test_a_system_alone_is_not_the_best_of_anything() -> None:
    table = build({"inade": {"mIoU": result(0.7)}})
    assert not any(entry.best for entry in table.rows[0].entries if entry)


@pytest.mark.parametrize("reach", [0, 100])
def test_a_number_that_is_exact_as_far_as_it_is_shown_has_no_interval(reach: float) -> None:
    (entry,) = build({"inade": {"parameters_ge": result(2e6, reach=reach)}}, cost=True).rows[0].entries
    assert entry is not None
    assert entry.text == "2.00"
    assert entry.interval is None


def test_a_metric_that_the_columns_do_not_know_stands_last_without_a_judgment() -> None:
    table = build({"a": {"new": result(1.0), "mIoU": result(0.7)}, "b": {"new": result(2.0)}})
    assert [column.name for column in table.columns] == ["mIoU", "new"]
    assert [row.entries[1].best for row in table.rows if row.entries[1]] == [False, False]


@pytest.mark.parametrize("fields", [{"samples": 20}, {"seed": 1}])
def test_what_a_protocol_lacks_counts_as_different(fields: dict[str, int]) -> None:
    with pytest.raises(ProtocolError, match=f"{next(iter(fields))} is None and"):
        build({"a": {"mOCD": result(1.0)}, "b": {"mOCD": result(1.0, **fields)}})


def test_real_images_that_were_measured_in_two_ways_are_refused() -> None:
    measured = {name: {"mIoU": result(0.7), "mIoU_real": result(0.9, segmenter=name)} for name in ("inade", "spade")}
    with pytest.raises(
        ProtocolError, match=r"mIoU_real of inade and spade on dolls .* segmenter is 'inade' and 'spade'"
    ):
        build(measured)
    alone = build({"inade": measured["inade"]}).rows[-1]
    assert [(entry.value, entry.best) for entry in alone.entries if entry] == [(0.9, False)]
