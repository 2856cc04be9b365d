"""MLflow tracking: one run per cell (data set x system x seed), and one with the means over the seeds of a system.

`start_run` logs a training as it runs; `publish` sends what MLflow is missing of a cell's files. The files are the
record, so nothing is lost if MLflow is down, new or on another machine. This package alone imports mlflow, and only
if there is something to send: the import takes seconds.

`MLFLOW_TRACKING_URI` is MLflow's address (default: a SQLite file in the workspace); `SMIS_TRACKING=off` disables
tracking.
"""

from pipelines.tracking.live_run import DisabledRun, LiveRun, start_run
from pipelines.tracking.publication import publish

__all__ = ["DisabledRun", "LiveRun", "publish", "start_run"]
