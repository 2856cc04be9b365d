"""`python -m pipelines.reference DATASET`, as dvc.yaml calls it."""

from pipelines.reference.run import main
from pipelines.stage import run

if __name__ == "__main__":
    run(main)
