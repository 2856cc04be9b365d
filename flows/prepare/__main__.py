"""`python -m flows.prepare --dataset NAME`: prepare a data set on many machines, with a Prefect server and workers."""

from collections.abc import Sequence

from flows.command import answers, parse, run, server
from flows.errors import ServiceError
from flows.prepare.config import Prepare
from flows.prepare.flow import prepare, stage_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the flow: exit code 1 if a share could not be made, 2 if asked for the impossible, 130 if ended."""
    with answers():
        options = parse(Prepare, "python -m flows.prepare", arguments)
        stage_of(options)  # a mistake is told at once, not after Prefect's start
        if server() is None:
            raise ServiceError("machines meet at a Prefect server, and there is none; name one: PREFECT_API_URL=...")
        run(prepare, options)


if __name__ == "__main__":
    main()
