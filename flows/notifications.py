"""`python -m flows.notifications`: automations of Prefect that call a webhook when a run fails or a sweep ends.

`SMIS_WEBHOOK` is the address that is called; `python -m flows.deployments` and `make up` register it too. It holds a
secret as a rule, so Prefect keeps it encrypted in a block, and no message prints it.
"""

import argparse
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from prefect.automations import AutomationCore, CallWebhook, EventTrigger, Posture
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.schemas.events import ResourceSpecification
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types import SecretDict
from pydantic import SecretStr

from flows.addresses import without_credentials
from flows.command import exit_on_error, require_api_url
from flows.exceptions import FlowError

VARIABLE = "SMIS_WEBHOOK"
BLOCK = "smis-webhook"
_RUN = "prefect.flow-run"
_FAILED = [f"{_RUN}.{state}" for state in ("Failed", "Crashed", "TimedOut")]
_ENDED = [f"{_RUN}.{state}" for state in ("Completed", "Cancelled")]
AUTOMATIONS = {
    "smis: a run failed": (_FAILED, ["experiment", "sweep", "trial"]),
    "smis: a sweep ended": (_ENDED, ["sweep"]),
}
"""By name: events, and flows that they are of. A sweep that fails is a run that failed."""
PAYLOAD = """{
  "text": {{ (flow.name ~ " " ~ flow_run.name ~ ": " ~ flow_run.state.name ~ ", " ~ flow_run.state.message) | tojson }},
  "flow": {{ flow.name | tojson }},
  "run": {{ flow_run.name | tojson }},
  "state": {{ flow_run.state.name | tojson }},
  "message": {{ (flow_run.state.message or "") | tojson }},
  "page": "PAGES/runs/flow-run/{{ flow_run.id }}"
}"""
"""`text` is what Slack and Mattermost show. PAGES is the server's address; Prefect fills in the rest."""


def webhook_url() -> str | None:
    """Return `$SMIS_WEBHOOK`, if it is set.

    Raises:
        FlowError: if it is no address of a web server.
    """
    url = os.environ.get(VARIABLE)
    if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
        raise FlowError(f"{VARIABLE} is no address of a web server; it begins with https:// and a host")
    return url or None


def register(api: str, url: str) -> list[str]:
    """Create or update the automations, and return their names."""
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        payload = PAYLOAD.replace("PAGES", without_credentials(api).rstrip("/").removesuffix("/api"))
        headers = SecretDict({"Content-Type": "application/json"})
        block: Any = Webhook(url=SecretStr(url), headers=headers).save(BLOCK, overwrite=True)
        for name, (events, flows) in AUTOMATIONS.items():
            automation = AutomationCore(
                name=name,
                description=f"Calls {VARIABLE}; made by `python -m flows.notifications`.",
                trigger=EventTrigger(  # an update sends what is set and no default
                    type="event",
                    posture=Posture.Reactive,
                    threshold=1,
                    within=timedelta(0),
                    expect=set(events),
                    match=ResourceSpecification({"prefect.resource.id": f"{_RUN}.*"}),
                    match_related=ResourceSpecification(
                        {"prefect.resource.role": "flow", "prefect.resource.name": flows}
                    ),
                ),
                actions=[CallWebhook(type="call-webhook", block_document_id=block, payload=payload)],
            )
            if existing := client.read_automations_by_name(name):
                client.update_automation(existing[0].id, automation)
            else:
                client.create_automation(automation)
    return [*AUTOMATIONS]


def remove(api: str) -> list[str]:
    """Delete the automations, and return the names of those that there were."""
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        existing = [each for name in AUTOMATIONS for each in client.read_automations_by_name(name)]
        for automation in existing:
            client.delete_automation(automation.id)
    return [automation.name for automation in existing]


def main(arguments: Sequence[str] | None = None) -> None:
    """Register the automations, or delete them. Exit code 2 if there is no server, or no address to call."""
    parser = argparse.ArgumentParser(prog="python -m flows.notifications", description=main.__doc__)
    parser.add_argument("--remove", action="store_true", help="delete the automations")
    options = parser.parse_args(arguments)
    with exit_on_error():
        url = webhook_url()
        if url is None and not options.remove:
            raise FlowError(f"{VARIABLE} is not set; set it to the address to call, such as a webhook of Slack")
        api = require_api_url()
        names = remove(api) if options.remove else register(api, str(url))
        print("\n".join(f"{'removed' if options.remove else 'registered'} {name!r}" for name in names))


if __name__ == "__main__":
    main()
