"""`python -m pipelines.prepare DATASET`, as dvc.yaml calls it; the rest is for `flows.prepare`, on many machines."""

import argparse

from pipelines.prepare import main
from pipelines.prepare.share import make, plan
from pipelines.stage import run


def _run() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.prepare", description=main.__doc__)
    parser.add_argument("dataset", metavar="DATASET")
    skipping = "leave out pictures that do not fit, and list them, as prepare.skip_bad in params.yaml does"
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--skip-bad", action="store_true", help=skipping)
    what.add_argument("--plan", action="store_true", help="write down which chunks there are, and make none")
    what.add_argument("--share", nargs=3, metavar=("FIRST", "STOP", "DIGEST"), help="make these chunks only")
    chosen = parser.parse_args()
    if chosen.plan:
        plan(chosen.dataset)
    elif chosen.share:
        first, stop, digest = chosen.share
        make(chosen.dataset, int(first), int(stop), digest=digest)
    else:
        main(chosen.dataset, skip_bad=chosen.skip_bad)


if __name__ == "__main__":
    run(_run)
