"""Deployments: what the server knows, what prefect.yaml says, what the form refuses."""

import json
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import ValidationError

from flows import up
from flows.deployments import load, main, register
from flows.sweep.config import Sweep
from flows.work_queue import FLOWS, POOL, TRIALS
from tests.flows.api import ask
from tests.flows.workspaces import ROOT

FD, MCSD = {"metric": "FD", "direction": "minimize"}, {"metric": "mCSD", "direction": "maximize"}
SMALLEST: dict[str, Any] = {"name": "form", "objectives": [FD]}


def varied(**said: Any) -> dict[str, Any]:
    return {"space": [{"path": "train.rate", **said}]}


@pytest.fixture(scope="module")
def registered(server: str) -> tuple[str, dict[str, dict[str, Any]]]:
    register(server)
    register(server)  # again, as every `make up` does
    return server, {one["name"]: one for one in ask(server, "deployments/filter")}


def test_prefect_yaml_names_the_pool_and_the_queues_of_workers_and_each_flow() -> None:
    deployments = load()
    assert [flow.name for flow, _ in deployments] == [each["name"] for _, each in deployments]
    assert {each["work_pool"]["name"] for _, each in deployments} == {POOL}
    assert {each["work_pool"]["work_queue_name"] for _, each in deployments} == {FLOWS, TRIALS}


def test_deployments_are_registered_once_with_their_queues(
    registered: tuple[str, dict[str, dict[str, Any]]],
) -> None:
    _, found = registered
    queues = {name: one["work_queue_name"] for name, one in found.items()}
    flows = dict.fromkeys(("experiment", "sweep"), "default")
    assert queues == flows | {"trial": "trials"}
    assert {one["work_pool_name"] for one in found.values()} == {POOL}


def test_every_field_of_the_form_has_a_title_and_a_description(
    registered: tuple[str, dict[str, dict[str, Any]]],
) -> None:
    _, found = registered
    asked = {"sweep": ("Sweep", "Dimension", "SweepObjective", "Pruner")}
    fields = [
        field
        for name, kinds in asked.items()
        for kind in kinds
        for field in found[name]["parameter_openapi_schema"]["definitions"][kind]["properties"].values()
    ]
    assert all(field.get("title") and field.get("description") for field in fields)


def test_the_form_offers_the_names_of_params_yaml(registered: tuple[str, dict[str, dict[str, Any]]]) -> None:
    _, found = registered
    params = yaml.safe_load((ROOT / "params.yaml").read_text())

    def offered(deployment: str, kind: str, field: str) -> Any:
        schema = found[deployment]["parameter_openapi_schema"]["definitions"][kind]["properties"][field]
        return schema.get("items", schema)["enum"]

    assert offered("experiment", "Experiment", "systems") == params["axes"]["system"]
    assert offered("sweep", "Sweep", "systems") == list(params["systems"])
    assert offered("sweep", "Sweep", "datasets") == list(params["datasets"])


def refusal(registered: tuple[str, dict[str, dict[str, Any]]], said: dict[str, Any]) -> str:
    """Say it in the form of a sweep; return what the server answers."""
    server, found = registered
    path = f"deployments/{found['sweep']['id']}/create_flow_run"
    with pytest.raises(urllib.error.HTTPError, match="409") as caught:
        ask(server, path, parameters={"options": SMALLEST | said})
    return json.loads(caught.value.read())["detail"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"trials": 0}, "0 is less than the minimum of 1"),
        ({"sampler": "luck"}, "'luck' is not one of"),
        ({"name": "Not So"}, "'Not So' does not match"),
        ({"objectives": []}, "[] should be non-empty"),
        ({"unknown": 1}, "unknown"),
        ({"systems": ["inade", "inade"]}, "['inade', 'inade'] has non-unique elements"),
        ({"objectives": [FD, MCSD], "pruner": {}}, "is too long"),
        (varied(), "'low' is a required property"),
        (varied(low=1), "'high' is a required property"),
        (varied(low=1, high=None), "None is not of type 'number'"),
        (varied(choices=[1], low=1, high=2), "1 is not of type 'null'"),
        (varied(low=0, high=2, log=True), "0 is less than or equal to the minimum of 0"),
        (varied(low=0.5, high=2, integer=True), "0.5 is not of type 'integer', 'null'"),
    ],
)
def test_the_form_refuses_what_is_wrong_as_the_model_does(
    registered: tuple[str, dict[str, dict[str, Any]]], said: dict[str, Any], told: str
) -> None:
    assert told in refusal(registered, said)
    with pytest.raises(ValidationError):
        Sweep.model_validate(SMALLEST | said)


def test_the_form_refuses_a_name_that_params_yaml_does_not_have(
    registered: tuple[str, dict[str, dict[str, Any]]],
) -> None:
    assert "'pix2pix' is not one of" in refusal(registered, {"systems": ["pix2pix"]})


@pytest.mark.parametrize(
    "said",
    [
        {"objectives": [FD], "pruner": {}},
        {"objectives": [FD, MCSD], "pruner": None},
        {"objectives": [FD, MCSD]},
        varied(choices=[0.1, None, "x"]),
        varied(choices=[0.1], low=None, high=None, log=True, integer=True),
        varied(choices=[], low=1, high=2),
        varied(low=1e-4, high=0.1, log=True),
        varied(low=-1.0, high=4.0, integer=True),
    ],
)
def test_the_form_takes_what_is_right(registered: tuple[str, dict[str, dict[str, Any]]], said: dict[str, Any]) -> None:
    server, found = registered
    state = {"type": "CANCELLED"}  # nobody shall run it
    path = f"deployments/{found['sweep']['id']}/create_flow_run"
    assert ask(server, path, parameters={"options": SMALLEST | said}, state=state)["id"]
    assert Sweep.model_validate(SMALLEST | said)


def test_a_server_that_does_not_answer_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(SystemExit, match="2"):
        main([])
    assert "error: Prefect's server does not answer at http://127.0.0.1:9/api" in capsys.readouterr().err


@pytest.mark.parametrize("command", [main, up.main], ids=["deployments", "up"])
@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("now", 2)])
def test_a_command_without_options_explains_itself_and_starts_nothing(
    command: Callable[[list[str]], None], argument: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=str(code)):
        command([argument])
    printed = capsys.readouterr()
    assert (printed.out + printed.err).startswith("usage: python -m flows.")
