"""`python -m pipelines.tracking`: publish every cell of params.yaml to MLflow, and print a link to each run.

The exit code is 0 if MLflow is down; the next call sends what it missed.
"""

import sys
from itertools import product

from pipelines import params
from pipelines.params import Axes
from pipelines.stage import run
from pipelines.tracking.publication import publish
from smis.core.config import Config


class Cells(Config):
    """The section that lists the cells."""

    axes: Axes


def main() -> None:
    """Publish all cells."""
    axes = params.read(Cells).axes
    published: list[tuple[str, str]] = []
    for dataset, system in product(axes.dataset, axes.system):
        link = publish(dataset, system)
        if link is not None:
            print(f"{dataset}/{system}  {link}")
            published.append((dataset, system))
    if "mlflow" in sys.modules:  # something was sent, so the database is no longer the one that earlier records noted
        for cell in published[:-1]:
            publish(*cell)


if __name__ == "__main__":
    run(main)
