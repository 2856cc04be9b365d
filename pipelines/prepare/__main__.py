"""`python -m pipelines.prepare DATASET`, as dvc.yaml calls it."""

import argparse

from pipelines.prepare.run import main
from pipelines.stage import run


def _run(*arguments: str) -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.prepare", description=main.__doc__)
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out invalid samples and list them, as prepare.skip_bad in params.yaml does",
    )
    options = parser.parse_args([argument for argument in arguments if argument != "--dataset"])  # as DVC writes it
    main(options.dataset, skip_bad=options.skip_bad)


if __name__ == "__main__":
    run(_run)
