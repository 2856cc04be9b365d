"""`python -m flows.deployments`: register the deployments of prefect.yaml on the server of PREFECT_API_URL.

Unlike `prefect deploy --all`, it also creates the work pool, and the automations that call `$SMIS_WEBHOOK`.
"""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema

from flows import notifications
from flows.command import exit_on_error, require_api_url
from flows.work_queue import POOL, POOL_TYPE

FILE = Path(__file__).parents[1] / "prefect.yaml"


def load() -> list[tuple[Flow[..., Any], dict[str, Any]]]:
    """Read prefect.yaml; return each deployment with its flow."""
    deployments = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]
    return [(load_flow_from_entrypoint(deployment["entrypoint"]), deployment) for deployment in deployments]


def register(api: str) -> list[str]:
    """Create or update the work pool, the deployments and, for `$SMIS_WEBHOOK`, the automations; return their names."""
    deployments, webhook = load(), notifications.webhook_url()
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=POOL, type=POOL_TYPE))
        for flow, deployment in deployments:
            client.create_deployment(
                flow_id=client.create_flow(flow),
                name=deployment["name"],
                description=flow.description,
                entrypoint=deployment["entrypoint"],
                pull_steps=deployment["pull"],
                work_pool_name=deployment["work_pool"]["name"],
                work_queue_name=deployment["work_pool"]["work_queue_name"],
                parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
                enforce_parameter_schema=deployment["enforce_parameter_schema"],
            )
    notified = notifications.register(api, webhook) if webhook else []
    return [*(f"{flow.name}/{deployment['name']}" for flow, deployment in deployments), *notified]


def main(arguments: Sequence[str] | None = None) -> None:
    """Register the deployments and print their names. Exit code 2 if there is no server."""
    argparse.ArgumentParser(prog="python -m flows.deployments", description=main.__doc__).parse_args(arguments)
    with exit_on_error():
        for name in register(require_api_url()):
            print(f"registered {name}")


if __name__ == "__main__":
    main()
