"""`python -m pipelines.sample DATASET SYSTEM`, as dvc.yaml calls it."""

import sys

from pipelines.sample.run import main
from pipelines.stage import run

if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
