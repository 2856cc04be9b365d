"""`python -m pipelines.tracking`: bring every cell of params.yaml to MLflow, one line with its link for each.

It ends well when MLflow does not answer: the files are the record, and the next call sends them.
"""

from pipelines import params
from pipelines.params import Axes
from pipelines.stage import run
from pipelines.tracking.publication import BEFORE_EVALUATE, publish
from smis.core.config import Config


class Cells(Config):
    """The section that says which cells there are."""

    axes: Axes


def main() -> None:
    """Publish all cells."""
    axes = params.read(Cells).axes
    for dataset in axes.dataset:
        for system in axes.system:
            link = publish(dataset, system, stages=(*BEFORE_EVALUATE, "evaluate"))
            if link is not None:
                print(f"{dataset}/{system}  {link}")


if __name__ == "__main__":
    run(main)
