"""`python -m pipelines.tracking`: publish every cell of params.yaml to MLflow, and print a link to each run.

The exit code is 0 if MLflow is down; the next call sends what it missed.
"""

import sys
from itertools import product

from pipelines.params import PATH, Axes, read_yaml
from pipelines.stage import run
from pipelines.tracking.publication import publish


def main() -> None:
    """Publish all cells."""
    axes = Axes.check(read_yaml(PATH).get("axes"), source=PATH.name, at="axes")
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
