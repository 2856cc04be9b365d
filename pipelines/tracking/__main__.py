"""`python -m pipelines.tracking`: publish every cell of params.yaml to MLflow, and print links to runs and comparison.

The exit code is 0 if MLflow is down; the next call sends what it missed.
"""

from pipelines.stage import run
from pipelines.tracking.cell_comparison import comparison_pages
from pipelines.tracking.publication import publish_all


def main() -> None:
    """Publish all cells."""
    cells: list[tuple[str, str]] = []
    for dataset, system, link in publish_all():
        print(f"{dataset}/{system}  {link}")
        cells.append((dataset, system))
    for title, link in comparison_pages(cells).items():
        print(f"{title}  {link}")


if __name__ == "__main__":
    run(main)
