"""How MLflow's page opens on a sweep: its trials alone, the best first, with the columns and charts that matter.

The page keeps such a view as a tag of the experiment, as its own button "Share view" does.
"""

import json
from collections.abc import Sequence
from typing import Any

TAG = "mlflow.sharedViewState."
_SECTION = "comparison"


def state(sweep: str, *, params: Sequence[str], metrics: Sequence[str], rising: bool) -> str:
    """Return the view as the page reads it; `rising` if a low first metric is the best."""
    return json.dumps(
        {
            "searchFilter": f"tags.smis.sweep = '{sweep}'",
            "orderByKey": f"metrics.`{metrics[0]}`",
            "orderByAsc": rising,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "modelVersionFilter": "All Runs",
            "datasetsFilter": [],
            "selectedColumns": [*(f"params.`{name}`" for name in params), *(f"metrics.`{name}`" for name in metrics)],
            "runsHiddenMode": "SHOW_ALL",
            "compareRunCharts": _charts(params, metrics),
            "compareRunSections": [
                _listed(_SECTION, name=f"Sweep {sweep}", display=True, isReordered=False, columns=1, cardHeight=480)
            ],
        }
    )


def run_param(path: str) -> str:
    """Return what a run calls a path of params.yaml: `system.width` for systems.inade.width."""
    section, *rest = path.split(".")
    own = {"systems": "system", "datasets": "dataset"}
    return ".".join([own[section], *rest[1:]]) if section in own else path


def _charts(params: Sequence[str], metrics: Sequence[str]) -> list[dict[str, Any]]:
    places = [*({"key": name, "type": "METRIC"} for name in metrics), *({"key": p, "type": "PARAM"} for p in params)]
    charts: list[dict[str, Any]] = []
    if params:
        charts.append({"type": "PARALLEL", "selectedParams": list(params), "selectedMetrics": list(metrics)})
    if len(places) > 1:
        charts.append({"type": "SCATTER", "xaxis": places[1], "yaxis": places[0]})
    return [
        _listed(f"{_SECTION}-{one['type']}", metricSectionId=_SECTION, runsCountToCompare=10, showAllRuns=True, **one)
        for one in charts
    ]


def _listed(uuid: str, **more: Any) -> dict[str, Any]:
    return {"uuid": uuid, "deleted": False, "isGenerated": False, **more}
