"""`python -m pipelines.sample DATASET SYSTEM SEED`, as dvc.yaml calls it."""

from pipelines.sample.run import main
from pipelines.stage import run

if __name__ == "__main__":
    run(main)
