"""Experiments and sweeps as Prefect flows. Sets what Prefect and DVC read from the environment when they load."""

import os
import sys
from contextlib import redirect_stderr
from io import StringIO

from pydantic import ValidationError

DEFAULTS = {  # no telemetry
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # the default of 20 s is too short on a busy machine
    # The server writes the events of tasks once a second. One by one, SQLite would refuse other writes at that moment
    # ("database is locked"), and Prefect's client waits for two seconds before it repeats them.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}

for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)

try:
    with redirect_stderr(StringIO()):  # where Prefect prints the same on several lines; its log comes later
        from prefect.settings import get_current_settings

        get_current_settings()
    import prefect.main  # noqa: F401
except ValidationError as error:
    names = ", ".join(name for name in sorted(os.environ) if name.startswith("PREFECT_") and name not in DEFAULTS)
    reason = "; ".join(each["msg"] for each in error.errors())
    print(f"error: Prefect refuses its settings ({reason}); correct or unset {names or 'its profile'}", file=sys.stderr)
    raise SystemExit(2) from None
