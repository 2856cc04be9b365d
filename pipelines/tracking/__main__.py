"""`python -m pipelines.tracking`: publish every cell of params.yaml to MLflow, and print a link to each run.

The exit code is 0 if MLflow is down; the next call sends what it missed.
"""

from pipelines import params
from pipelines.params import Axes
from pipelines.stage import run
from pipelines.tracking.publication import BEFORE_EVALUATE, publish
from smis.core.config import Config


class Cells(Config):
    """The section that lists the cells."""

    axes: Axes


def main() -> None:
    """Publish all cells."""
    axes = params.read(Cells).axes
    cells = [(dataset, system) for dataset in axes.dataset for system in axes.system]
    # Sending one cell changes the database of those before it; the second pass notes its last state for all.
    for show in (True, False) if len(cells) > 1 else (True,):
        for dataset, system in cells:
            link = publish(dataset, system, stages=(*BEFORE_EVALUATE, "evaluate"), quiet=not show)
            if show and link is not None:
                print(f"{dataset}/{system}  {link}")


if __name__ == "__main__":
    run(main)
