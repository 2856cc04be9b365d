"""Pages of MLflow that compare runs: an experiment's table in a view of ours, and the page of a comparison.

A tag of the experiment holds the view, as the button "Share view" writes it. If a later version reads such views
differently, the links still open the experiment's runs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.tracking.client import TrackingClient, page

MAX_COMPARED = 50
"""Runs on the comparison page."""
_SECTION = "comparison"


@dataclass(frozen=True)
class SharedView:
    """Some runs of an experiment, in an order, with these parameters and metrics as columns."""

    title: str
    search: str
    """In MLflow's language, such as `tags.smis.sweep = 'rates'`."""
    params: Sequence[str]
    metrics: Sequence[str]
    order_by: str
    ascending: bool = True

    def share(self, client: TrackingClient, experiment: str, key: str) -> str:
        """Store the view in an experiment, in place of an earlier one with this key, and return its page."""
        client.api.set_experiment_tag(experiment, f"mlflow.sharedViewState.{key}", self.state())
        return page(client.uri, f"experiments/{experiment}/runs", viewStateShareKey=key)

    def state(self) -> str:
        """Return the view as MLflow's page reads it."""
        section = _item(_SECTION, name=self.title, display=True, isReordered=False, columns=1, cardHeight=480)
        params, metrics = [f"params.`{name}`" for name in self.params], [f"metrics.`{name}`" for name in self.metrics]
        return json.dumps(
            {
                "searchFilter": self.search,
                "orderByKey": self.order_by,
                "orderByAsc": self.ascending,
                "startTime": "ALL",
                "lifecycleFilter": "Active",
                "modelVersionFilter": "All Runs",
                "datasetsFilter": [],
                "selectedColumns": [*params, *metrics],
                "runsHiddenMode": "SHOW_ALL",
                "compareRunCharts": _charts(self.params, self.metrics),
                "compareRunSections": [section],
            }
        )


def compare_page(client: TrackingClient, runs: Sequence[str], experiments: Sequence[str]) -> str:
    """Return the page that compares the first of these runs side by side."""
    shown = json.dumps([*runs[:MAX_COMPARED]])
    return page(client.uri, "compare-runs", runs=shown, experiments=json.dumps([*experiments]))


def _charts(params: Sequence[str], metrics: Sequence[str]) -> list[dict[str, Any]]:
    axes = [*({"key": name, "type": "METRIC"} for name in metrics), *({"key": p, "type": "PARAM"} for p in params)]
    charts: list[dict[str, Any]] = []
    if params:
        charts.append({"type": "PARALLEL", "selectedParams": list(params), "selectedMetrics": list(metrics)})
    if len(axes) > 1:
        charts.append({"type": "SCATTER", "xaxis": axes[1], "yaxis": axes[0]})
    return [
        _item(f"{_SECTION}-{chart['type']}", metricSectionId=_SECTION, runsCountToCompare=10, showAllRuns=True, **chart)
        for chart in charts
    ]


def _item(uuid: str, **fields: Any) -> dict[str, Any]:
    return {"uuid": uuid, "deleted": False, "isGenerated": False, **fields}
