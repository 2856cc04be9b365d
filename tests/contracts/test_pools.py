"""Templates of work pools fit the schemas of Kubernetes and of Prefect, which packages bring; no cluster is asked."""

import copy
import json
import shlex
from functools import reduce
from pathlib import Path
from typing import Any

import kubernetes_validate
import prefect
import pytest
from prefect.utilities.templating import apply_values

from tests.services.compose import DOCKER

VERSIONS = ["1.30", kubernetes_validate.latest_version().rpartition(".")[0]]
_METADATA = "server/api/collections_data/views/aggregate-worker-metadata.json"
WORKERS: dict[str, Any] = json.loads((Path(prefect.__file__).parent / _METADATA).read_text())
ADDED = {"docker": {"container_create_kwargs"}, "kubernetes": set()}
"""What prefect-docker takes since 0.7 and the list in Prefect's package does not have."""


def template(kind: str) -> dict[str, Any]:
    return json.loads((DOCKER / f"pools/{kind}.json").read_text())


def default(kind: str) -> dict[str, Any]:
    """What Prefect gives a pool of this type that has no template."""
    return WORKERS[f"prefect-{kind}"][kind]["default_base_job_configuration"]


def manifest() -> dict[str, Any]:
    """The job that Prefect's worker sends to Kubernetes: values filled in, the command and variables as lists."""
    given = template("kubernetes")
    values = {name: each["default"] for name, each in given["variables"]["properties"].items()}
    values |= {
        "command": "prefect flow-run execute",
        "name": "rates-3",
        "labels": {"prefect.io/flow-run-name": "rates-3"},
    }
    job = apply_values(given["job_configuration"], values)["job_manifest"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["args"] = shlex.split(container["args"])
    container["env"] = [{"name": name, "value": value} for name, value in container["env"].items()]
    return job


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_fits_the_schema_of_kubernetes(version: str) -> None:
    assert kubernetes_validate.validate(manifest(), version, strict=True) == version


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.template.spec.parallelism", 1, "'parallelism' was unexpected"),
        ("spec.template.spec.containers.0.env", {"A": "b"}, "is not of type 'array'"),
        ("spec.template.spec.containers.0.name", None, "None is not of type 'string'"),
        ("spec.backoffLimit", "none", "'none' is not of type 'integer'"),
    ],
)
def test_a_mistake_in_a_job_is_found(path: str, value: Any, message: str) -> None:
    job: Any = copy.deepcopy(manifest())
    *parents, leaf = path.split(".")
    held: Any = reduce(lambda held, key: held[int(key)] if key.isdecimal() else held[key], parents, job)
    held[leaf] = value
    with pytest.raises(kubernetes_validate.ValidationError, match=message):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_template_says_only_what_prefects_worker_reads(kind: str) -> None:
    known = default(kind)["job_configuration"].keys() | ADDED[kind]
    assert template(kind)["job_configuration"].keys() <= known


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_variable_has_the_type_that_prefects_own_has(kind: str) -> None:
    own = default(kind)["variables"]["properties"]
    for name, given in template(kind)["variables"]["properties"].items():
        assert name not in own or given["type"] == own[name].get("type"), name
