"""`python -m pipelines.zoo check | add NAME`."""

from pipelines.stage import run
from pipelines.zoo.run import main

if __name__ == "__main__":
    run(main)
