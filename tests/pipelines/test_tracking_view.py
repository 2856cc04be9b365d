"""The view of runs: what MLflow's page reads from a tag."""

import json
from typing import Any

from pipelines.tracking.shared_view import SharedView
from pipelines.tracking.sweep import run_param


def view(*, params: list[str], metrics: list[str]) -> dict[str, Any]:
    search, order = "tags.smis.sweep = 'rates'", f"metrics.`{metrics[0]}`"
    return json.loads(SharedView("Sweep rates", search, params, metrics, order_by=order).state())


def test_it_sorts_by_the_first_objective_and_shows_what_was_varied_and_measured() -> None:
    found = view(params=["train.ema"], metrics=["FD", "mCSD"])
    assert found["searchFilter"] == "tags.smis.sweep = 'rates'"
    assert (found["orderByKey"], found["orderByAsc"]) == ("metrics.`FD`", True)
    assert found["selectedColumns"] == ["params.`train.ema`", "metrics.`FD`", "metrics.`mCSD`"]
    assert [chart["type"] for chart in found["compareRunCharts"]] == ["PARALLEL", "SCATTER"]


def test_one_setting_and_one_objective_have_no_charts_to_show() -> None:
    found = view(params=[], metrics=["FD"])
    assert found["compareRunCharts"] == []


def test_a_path_of_params_yaml_is_named_as_runs_name_it() -> None:
    paths = ["train.ema", "systems.inade.width", "datasets.paperdoll.size", "system", "dataset"]
    assert [*map(run_param, paths)] == ["train.ema", "system.width", "dataset.size", "system", "dataset"]
