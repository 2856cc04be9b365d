"""`python -m pipelines.tracking`: publish every cell of params.yaml to MLflow, and print links to runs and comparison.

The exit code is 0 if MLflow is down; the next call sends what it missed.
"""

from pipelines.cell import Cell
from pipelines.stage import run
from pipelines.tracking.cell_comparison import comparison_pages
from pipelines.tracking.publication import publish_all


def main() -> None:
    """Publish all cells."""
    cells: list[Cell] = []
    for cell, link in publish_all():
        print(f"{cell.name}  {link}")
        cells.append(cell)
    for title, link in comparison_pages(cells).items():
        print(f"{title}  {link}")


if __name__ == "__main__":
    run(main)
