"""`python -m flows.sweep --space space.yaml`: run a sweep from a command line.

The file has the fields of Prefect's form; options of the command line override it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from flows.command import exit_on_error, run_flow
from flows.exceptions import SweepError
from flows.processes import ChildProcesses
from flows.sweep.config import Sweep
from flows.sweep.flow import sweep
from flows.sweep.space import Space
from flows.yaml_reader import read_yaml

_OPTIONS = ("name", "sampler", "trials", "seeds", "max_concurrent", "gpus", "retries", "executor")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a sweep: exit code 1 if no trial finished, 2 if the options are invalid, 130 if it was stopped."""
    with exit_on_error():
        options = _parse(arguments)
        space = Space.load(options, Path())  # a mistake is reported at once, not after Prefect's start
        space.check_values(Path(), ChildProcesses())
        run_flow(sweep, options)


def _parse(arguments: Sequence[str] | None) -> Sweep:
    parser = argparse.ArgumentParser(prog="python -m flows.sweep", description=Sweep.__doc__)
    parser.add_argument("--space", type=Path, required=True, help="a YAML file, like sweeps/example.yaml")
    for name in _OPTIONS:
        parser.add_argument(f"--{name.replace('_', '-')}", help=Sweep.model_fields[name].description)
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    path: Path = given.pop("space")
    try:
        return Sweep.model_validate({"name": path.stem, **read_yaml(path), **given})
    except ValidationError as error:
        mistakes = [
            f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}".removeprefix(": ")
            for each in error.errors()
        ]
        raise SweepError("\n  ".join([f"{path} is no sweep:", *mistakes])) from None


if __name__ == "__main__":
    main()
