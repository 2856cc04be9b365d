"""dvc.yaml, the stages' imports and their Params say the same."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

from pipelines.params import STAGES

ROOT = Path(__file__).parents[2]
DAG: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
GRAPH = grimp.build_graph("smis", "pipelines", cache_dir=None)


def _file(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}.py" if (ROOT / f"{path}.py").exists() else f"{path}/__init__.py"


def _reached(stage: str) -> set[str]:
    """The files that a stage reaches by imports; its systems and data sets are reached by name, see below."""
    roots = {f"pipelines.{stage}"} | GRAPH.find_descendants(f"pipelines.{stage}")
    modules = roots.union(*(GRAPH.find_upstream_modules(root) for root in roots))
    files = {_file(module) for module in modules}
    # A registry only says where a name leads: if it were a dep, adding a row would rerun every cell.
    texts = {file: (ROOT / file).read_text() for file in files}
    return {file for file, text in texts.items() if text.strip() and " = Registry(" not in text}


def _covered(file: str, deps: list[str]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def test_stages_and_modules_are_the_same_set() -> None:
    assert set(DAG) == set(STAGES)
    modules = {
        path.stem for path in (ROOT / "pipelines").iterdir() if path.suffix == ".py" or (path / "__main__.py").exists()
    }
    assert modules - {"__init__", "cell", "params", "stage", "tracking", "remote", "zoo"} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_that_a_stage_imports_lies_under_one_of_its_deps(stage: str) -> None:
    deps = DAG[stage]["deps"]
    assert {file for file in _reached(stage) if not _covered(file, deps)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_the_fields_of_params_are_the_sections_in_dvc_yaml(stage: str) -> None:
    named = {"dataset": "datasets.${item.dataset}", "system": "systems.${item.system}"}
    fields = import_module(f"pipelines.{stage}").Params.model_fields.keys() - {"seed"}  # of the cell
    assert {named.get(field, field) for field in fields} == set(DAG[stage]["params"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_gets_the_names_of_its_cell(stage: str) -> None:
    parameters = inspect.signature(import_module(f"pipelines.{stage}.run").main).parameters.values()
    assert [each.name for each in parameters if each.default is each.empty] == list(DAG[stage].get("matrix", {}))
    assert DAG[stage]["cmd"].endswith(" ${item}") == ("matrix" in DAG[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_the_place_of_the_shell_that_starts_it(stage: str) -> None:
    """Some shells stay as a parent that outlives a killed dvc, and the stage would never hear of dvc's death."""
    assert DAG[stage]["cmd"].startswith(f"exec python -m pipelines.{stage}")


@pytest.mark.parametrize("stage", [name for name in STAGES if "system" in DAG[name].get("matrix", {})])
def test_a_stage_that_builds_a_system_depends_on_that_system_alone(stage: str) -> None:
    models = [dep for dep in DAG[stage]["deps"] if dep.startswith("smis/models")]
    assert models == ["smis/models/common", "smis/models/${item.system}.py"]
