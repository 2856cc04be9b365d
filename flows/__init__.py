"""The order of the stages, as Prefect flows. Nobody outside is told that they ran: set before Prefect and DVC load."""

import os

QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)
