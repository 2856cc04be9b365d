"""`python -m flows.sweep --space space.yaml`: a sweep from a command line.

The file says all that Prefect's form asks for; an option says it otherwise.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.command import exit_on_error, run_flow
from flows.exceptions import SweepError
from flows.sweep import check
from flows.sweep.config import Sweep
from flows.sweep.flow import sweep

_NAMES = ["name", "sampler", "trials", "seeds", "max_concurrent", "gpus", "retries", "executor"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it: exit code 1 if no trial finished, 2 if asked for the impossible, 130 if ended."""
    with exit_on_error():
        options = _parse(arguments)
        check.space(options, Path())  # a mistake is told at once, not after Prefect's start
        run_flow(sweep, options)


def _parse(arguments: Sequence[str] | None) -> Sweep:
    parser = argparse.ArgumentParser(prog="python -m flows.sweep", description=Sweep.__doc__)
    parser.add_argument("--space", type=Path, required=True, help="a YAML file, like sweeps/example.yaml")
    for name in _NAMES:
        parser.add_argument(f"--{name.replace('_', '-')}", help=Sweep.model_fields[name].description)
    said = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    path: Path = said.pop("space")
    try:
        return Sweep.model_validate({"name": path.stem, **_read(path), **said})
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in error.errors()]
        raise SweepError("\n  ".join([f"{path} is no sweep:", *wrong])) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SweepError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except yaml.YAMLError as error:
        raise SweepError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(read, dict):
        raise SweepError(f"{path} is no sweep: it needs at least objectives, such as {{FD: minimize}}")
    return read


if __name__ == "__main__":
    main()
