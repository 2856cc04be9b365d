"""The view in which MLflow's page opens a sweep: its trials alone, best first, with the columns that matter.

MLflow stores such views in tags of the experiment, as its button "Share view" does. If a later version reads them
differently, the links still open the experiment's runs.
"""

import json
from collections.abc import Sequence
from typing import Any

TAG_PREFIX = "mlflow.sharedViewState."
_SECTION = "comparison"


def view_state(sweep: str, *, params: Sequence[str], metrics: Sequence[str], ascending: bool) -> str:
    """Return the view as MLflow's page reads it, ordered by the first metric."""
    return json.dumps(
        {
            "searchFilter": f"tags.smis.sweep = '{sweep}'",
            "orderByKey": f"metrics.`{metrics[0]}`",
            "orderByAsc": ascending,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "modelVersionFilter": "All Runs",
            "datasetsFilter": [],
            "selectedColumns": [*(f"params.`{name}`" for name in params), *(f"metrics.`{name}`" for name in metrics)],
            "runsHiddenMode": "SHOW_ALL",
            "compareRunCharts": _charts(params, metrics),
            "compareRunSections": [
                _item(_SECTION, name=f"Sweep {sweep}", display=True, isReordered=False, columns=1, cardHeight=480)
            ],
        }
    )


def run_param(path: str) -> str:
    """Return a run's name for a path in params.yaml: `system.width` for systems.inade.width."""
    section, *rest = path.split(".")
    own = {"systems": "system", "datasets": "dataset"}
    return ".".join([own[section], *rest[1:]]) if section in own else path


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
