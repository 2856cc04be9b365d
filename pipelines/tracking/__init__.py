"""MLflow, seen from the pipeline: one run holds one cell (data set x system), whichever stage wrote its parts.

`mirror` shows a training while it goes on; `publish` brings what MLflow does not have yet of a cell's files. The
files are the record: MLflow may be down, new or on another machine, and nothing is lost. Only this package imports
mlflow, and only when there is something to say, because the import alone takes seconds.

`MLFLOW_TRACKING_URI` says where MLflow is (default: a SQLite file in the workspace); `SMIS_TRACKING=off` turns it off.
"""

from pipelines.tracking.live import Mirror, Nothing, mirror
from pipelines.tracking.publication import publish

__all__ = ["Mirror", "Nothing", "mirror", "publish"]
