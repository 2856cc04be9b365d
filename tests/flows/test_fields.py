"""What a form says reaches no shell: DVC would put a cell's names into its stages' commands as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel, ValidationError

from flows import dag
from flows.deployments import load
from flows.exceptions import FlowError
from flows.experiment import Experiment, main
from flows.sweep.config import Sweep
from flows.sweep.trial import Trial
from tests.flows.workspaces import Workspace

ROOT = Path(__file__).parents[2]
SWEEP = {"name": "tried", "objectives": {"mCSD": "maximize"}}
TRIAL = {"sweep": "tried", "number": 0, "seed": 0, "dataset": "doll", "system": "two", "stages": ["train@doll-two"]}

hostile = pytest.mark.parametrize(
    "name",
    ["two; touch pwned", "$(touch pwned)", "`touch pwned`", "two | touch pwned", "two\ntouch pwned", "../two", "-f"],
)


@hostile
@pytest.mark.parametrize("form", [Experiment, Sweep, Trial], ids=lambda form: form.__name__)
def test_a_form_refuses_it(form: type[BaseModel], name: str) -> None:
    fields = [field for field in ("systems", "datasets", "system", "dataset", "stages") if field in form.model_fields]
    base: dict[str, Any] = {Experiment: {}, Sweep: SWEEP, Trial: TRIAL}[form]
    form.model_validate(base)
    for field in fields:
        with pytest.raises(ValidationError, match="should match pattern"):
            form.model_validate({**base, field: name if field in {"system", "dataset"} else [name]})


@hostile
@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
def test_a_workspace_that_has_it_is_refused_before_anything_runs(workspace: Workspace, name: str) -> None:
    params = {"axes": {"dataset": ["doll"], "system": [name]}, "systems": {name: "works"}}
    (workspace.path / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(FlowError, match=r"^(axes.system in params.yaml has|DVC refuses dvc.yaml)"):
        dag.read(workspace.path)


def test_the_command_line_answers_like_the_form(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--systems", "two; touch pwned"])
    assert capsys.readouterr().err.startswith("error: --systems 'two; touch pwned': String should match pattern")


@pytest.mark.parametrize("flow", [flow for flow, _ in load()], ids=lambda flow: flow.name)
def test_prefects_server_knows_the_patterns_too(flow: Flow[..., Any]) -> None:
    schema = parameter_schema(flow).model_dump_for_openapi()
    forms = [form["properties"] for form in schema["definitions"].values()]
    named = [
        field.get("items", field)
        for form in forms
        for key, field in form.items()
        if key in {"system", "systems", "dataset", "datasets", "stages", "shared"}
    ]
    assert named
    assert all("pattern" in field for field in named)


def test_commands_hold_names_of_cells_and_nothing_else_of_params_yaml() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    held = {name for stage in stages.values() for name in re.findall(r"\$\{(.*?)\}", stage["cmd"])}
    assert held == {"item"}  # a mapping, whose values DVC quotes for the shell


@pytest.mark.parametrize("text", [None, "axes: [", "axes: 3", "seed: 0"])
def test_a_form_without_params_yaml_takes_every_name(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("params.yaml").write_text(text)
    assert "enum" not in Experiment.model_json_schema()["properties"]["systems"]["items"]
