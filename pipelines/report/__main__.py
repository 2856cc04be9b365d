"""`python -m pipelines.report`, as dvc.yaml calls it."""

from pipelines.report.run import main
from pipelines.stage import run

if __name__ == "__main__":
    run(main)
