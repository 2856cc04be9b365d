"""The view of a sweep's runs: what MLflow's page reads from a tag."""

import json

from pipelines.tracking.sweep import run_param, view_state


def test_it_sorts_by_the_first_objective_and_shows_what_was_varied_and_measured() -> None:
    found = json.loads(view_state("rates", params=["train.ema"], metrics=["FD", "mCSD"], ascending=True))
    assert found["searchFilter"] == "tags.smis.sweep = 'rates'"
    assert (found["orderByKey"], found["orderByAsc"]) == ("metrics.`FD`", True)
    assert found["selectedColumns"] == ["params.`train.ema`", "metrics.`FD`", "metrics.`mCSD`"]
    assert [chart["type"] for chart in found["compareRunCharts"]] == ["PARALLEL", "SCATTER"]


def test_one_setting_and_one_objective_have_no_charts_to_show() -> None:
    found = json.loads(view_state("rates", params=[], metrics=["FD"], ascending=True))
    assert found["compareRunCharts"] == []


def test_a_path_of_params_yaml_is_named_as_runs_name_it() -> None:
    paths = ["train.ema", "systems.inade.width", "datasets.paperdoll.size", "system", "dataset"]
    assert [*map(run_param, paths)] == ["train.ema", "system.width", "dataset.size", "system", "dataset"]
