"""`python -m flows.prepare --dataset NAME`: prepare a data set on many machines, with a Prefect server and workers."""

import argparse
from collections.abc import Sequence

from pydantic import ValidationError

from flows.command import answers, run, server
from flows.errors import FlowError, ServiceError
from flows.prepare.config import Prepare
from flows.prepare.flow import prepare, stage_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the flow: exit code 1 if a share could not be made, 2 if asked for the impossible, 130 if ended."""
    with answers():
        options = _parse(arguments)
        stage_of(options)  # a mistake is told at once, not after Prefect's start
        if server() is None:
            raise ServiceError("machines meet at a Prefect server, and there is none; name one: PREFECT_API_URL=...")
        run(prepare, options)


def _parse(arguments: Sequence[str] | None) -> Prepare:
    parser = argparse.ArgumentParser(prog="python -m flows.prepare", description=Prepare.__doc__)
    for name, field in Prepare.model_fields.items():
        flag, needed = f"--{name.replace('_', '-')}", field.is_required()
        parser.add_argument(flag, required=needed, default=None if needed else field.default, help=field.description)
    try:
        return Prepare.model_validate(vars(parser.parse_args(arguments)))
    except ValidationError as error:
        wrong = [f"--{'-'.join(map(str, one['loc'])).replace('_', '-')}: {one['msg']}" for one in error.errors()]
        raise FlowError("; ".join(wrong)) from None


if __name__ == "__main__":
    main()
