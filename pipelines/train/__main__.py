"""`python -m pipelines.train DATASET SYSTEM SEED`, as dvc.yaml calls it."""

from pipelines.stage import run
from pipelines.train.run import main

if __name__ == "__main__":
    run(main)
