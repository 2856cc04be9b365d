"""The order of the stages, as Prefect flows. What Prefect and DVC read from the environment is set before they load."""

import os

DEFAULTS = {  # nobody outside is told that an experiment ran
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # its own 20 s are too few on a machine at work
    # The server writes what it hears of tasks once a second. Were it one by one, SQLite would refuse whoever counts
    # trainings at that moment ("database is locked"), and Prefect's client waits for two seconds before it asks again.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}

for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)
