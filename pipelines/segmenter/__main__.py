"""`python -m pipelines.segmenter DATASET`, as dvc.yaml calls it."""

from pipelines.segmenter.run import main
from pipelines.stage import run

if __name__ == "__main__":
    run(main)
