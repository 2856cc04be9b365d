"""Lining up systems."""

import pytest

from pipelines.report.table import build

from .conftest import result


def test_speeds_on_two_devices_share_a_column_but_none_is_the_best() -> None:
    slow, fast = result(1.0, batch=1), result(9.0, batch=1)
    fast["protocol"]["device"] = "NVIDIA H100"
    table = build("dolls", {"inade": {"images_per_second": slow}, "spade": {"images_per_second": fast}})
    entries = [row.entries[0] for row in table.rows]
    assert [(entry.best, entry.device) for entry in entries if entry] == [(False, "cpu"), (False, "NVIDIA H100")]


def test_values_that_are_written_alike_are_both_the_best() -> None:
    table = build("dolls", {"inade": {"mIoU": result(0.70001)}, "spade": {"mIoU": result(0.70002)}})
    assert [row.entries[0].best for row in table.rows if row.entries[0]] == [True, True]


def test_a_system_alone_is_not_the_best_of_anything() -> None:
    table = build("dolls", {"inade": {"mIoU": result(0.7)}})
    assert not any(entry.best for entry in table.rows[0].entries if entry)


def test_an_exact_number_has_no_interval() -> None:
    (entry,) = build("dolls", {"inade": {"parameters_ge": result(2e6)}}).rows[0].entries
    assert entry is not None
    assert entry.text == "2.00"
    assert entry.interval is None


def test_a_metric_that_the_columns_do_not_know_stands_last_without_a_judgement() -> None:
    table = build("dolls", {"a": {"new": result(1.0), "mIoU": result(0.7)}, "b": {"new": result(2.0)}})
    assert [column.name for column in table.columns] == ["mIoU", "new"]
    assert [row.entries[1].best for row in table.rows if row.entries[1]] == [False, False]


@pytest.mark.parametrize("fields", [{"samples": 20}, {"seed": 1}])
def test_what_a_protocol_lacks_counts_as_different(fields: dict[str, int]) -> None:
    with pytest.raises(Exception, match=f"{next(iter(fields))} is None and"):
        build("dolls", {"a": {"mOCD": result(1.0)}, "b": {"mOCD": result(1.0, **fields)}})
