"""`python -m flows.deployments`: the flows as deployments on the server of PREFECT_API_URL, each with its form.

A machine of the pool runs them in its own clone, in the folder that `$SMIS_WORKSPACE` names there (`flows.worker` and
`flows.up` set it), so that nothing here depends on one machine. prefect.yaml says the same for teams that use
`prefect deploy --all`.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema

from flows.command import exit_on_error, find_api_url
from flows.exceptions import ServiceError
from flows.experiment import experiment
from flows.sweep.flow import sweep
from flows.sweep.remote import trial

POOL = "smis"
KIND = "process"
FLOWS, TRIALS = "default", "trials"
"""The queues: flows that mostly wait for others; trials, of which a machine takes as many as it has devices."""
WORKSPACE = "SMIS_WORKSPACE"
PULL = [{"prefect.deployments.steps.set_working_directory": {"directory": f"{{{{ ${WORKSPACE} }}}}"}}]


@dataclass(frozen=True)
class Deployment:
    """One flow, where it stands, and which workers take its runs."""

    flow: Flow[..., Any]
    entrypoint: str
    queue: str

    @property
    def name(self) -> str:
        """Return its name, the flow's own."""
        return str(self.flow.name)

    @property
    def description(self) -> str:
        """Return what the page says of it."""
        return (self.flow.fn.__doc__ or "").strip()


DEPLOYMENTS = (
    Deployment(experiment, "flows.experiment.experiment", FLOWS),
    Deployment(sweep, "flows.sweep.flow.sweep", FLOWS),
    Deployment(trial, "flows.sweep.remote.trial", TRIALS),
)


def register(api: str | None) -> list[str]:
    """Make the pool where it is missing, and the deployments anew, on a server; return their names.

    Raises:
        ServiceError: if there is no server.
    """
    if api is None:
        raise ServiceError("there is no Prefect server; start one with `make up`, or name one: PREFECT_API_URL=...")
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        _make_pool(client)
        for one in DEPLOYMENTS:
            _register(client, one)
    return [f"{one.name}/{one.name}" for one in DEPLOYMENTS]


def _make_pool(client: SyncPrefectClient) -> None:
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type=KIND))


def _register(client: SyncPrefectClient, one: Deployment) -> None:
    client.create_deployment(
        flow_id=client.create_flow(one.flow),
        name=one.name,
        description=one.description,
        entrypoint=one.entrypoint,
        pull_steps=PULL,
        work_pool_name=POOL,
        work_queue_name=one.queue,
        parameter_openapi_schema=parameter_schema(one.flow).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )


def main() -> None:
    """Register them, say which. Exit code 2 if there is no server."""
    with exit_on_error():
        for name in register(find_api_url()):
            print(f"registered {name}")


if __name__ == "__main__":
    main()
