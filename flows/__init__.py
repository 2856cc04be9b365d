"""The order of the stages, as Prefect flows. What Prefect and DVC read from the environment is set before they load."""

import os

DEFAULTS = {  # nobody outside is told that an experiment ran
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # its own 20 s are too few on a machine at work
}

for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)
