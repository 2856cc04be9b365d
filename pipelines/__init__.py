"""One package per DVC stage, each started as `python -m pipelines.STAGE`."""

from smis.core.process_settings import limit_spinning

limit_spinning()
