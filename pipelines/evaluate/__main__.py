"""`python -m pipelines.evaluate DATASET SYSTEM SEED`, as dvc.yaml calls it."""

from pipelines.evaluate.run import main
from pipelines.stage import run

if __name__ == "__main__":
    run(main)
