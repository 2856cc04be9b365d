"""The servers of docker/compose.yaml, started natively with its commands and environments, and what lies where."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg2
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.flows.workspaces import wait_for
from tests.services.compose import ROOT, Stack, servers

pytestmark = pytest.mark.slow

FLOW = """
from prefect import flow

@flow
def counting(to: int) -> int:
    return sum(range(to))

assert counting(5) == 10
"""
RUN = """
import mlflow
from pathlib import Path

mlflow.set_experiment("team")
with mlflow.start_run(run_name="one") as run:
    mlflow.log_metric("distance", 0.25, step=3)
    Path("words.txt").write_text("said once")
    mlflow.log_artifact("words.txt")
"""
STUDY = """
import os, optuna
study = optuna.create_study(storage=os.environ["SMIS_STUDIES"], study_name="colors")
study.optimize(lambda trial: trial.suggest_float("red", 0, 1), n_trials=2)
"""
AGAIN = """
import json, optuna
from flows.sweep.study import open_storage
study = optuna.load_study(study_name="colors", storage=open_storage())
print(json.dumps([trial.params for trial in study.get_trials()]))
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with servers() as stack:
        yield stack


def rows(stack: Stack, user: str, question: str, *, database: str | None = None) -> list[tuple[Any, ...]]:
    """Ask PostgreSQL as one of the servers does; its database is called like the user."""
    password = stack.variables[f"{user.upper()}_DB_PASSWORD"]
    address = {"host": "127.0.0.1", "port": stack.ports["postgres"], "dbname": database or user}
    connection = psycopg2.connect(user=user, password=password, **address)
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchall()
    finally:
        connection.close()


def s3(stack: Stack, **changes: Any) -> Any:
    env = stack.environment("buckets")
    keys = {"aws_access_key_id": env["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"]}
    place = {"endpoint_url": env["AWS_ENDPOINT_URL"], "region_name": env["AWS_DEFAULT_REGION"]}
    return boto3.client("s3", **{**place, **keys, **changes})


def python(stack: Stack, script: str) -> str:
    return stack.run("trials-cpu", sys.executable, "-c", script)


def test_a_flow_run_is_in_postgresql(stack: Stack) -> None:
    python(stack, FLOW)
    question = (
        "SELECT flow.name, flow_run.state_type::text, parameters::text FROM flow_run JOIN flow ON flow.id = flow_id"
    )
    ((name, state, parameters),) = rows(stack, "prefect", question)
    assert (name, state, json.loads(parameters)) == ("counting", "COMPLETED", {"to": 5})


def test_the_deployments_are_registered_as_the_worker_does_it(stack: Stack) -> None:
    _, _, command = stack.services["flows-cpu"]["command"]
    first, _ = command.split(" && ")
    stack.run("flows-cpu", *first.split(), cwd=ROOT)
    registered = {name for (name,) in rows(stack, "prefect", "SELECT name FROM deployment")}
    assert registered == {"experiment", "sweep", "trial"}


def test_a_worker_is_well_and_known_and_ends_when_docker_says_so(stack: Stack) -> None:
    stack.start("trials-cpu", "--port", str(stack.ports["worker"]))
    question = "SELECT worker.name, work_pool.name FROM worker JOIN work_pool ON work_pool.id = work_pool_id"
    wait_for(lambda: rows(stack, "prefect", question) == [(f"{socket.gethostname()} trials", "smis")], timeout_s=30)
    process = stack.processes.pop("trials-cpu")
    process.terminate()
    assert process.wait(60) == 130


def test_a_metric_is_in_postgresql_and_an_artifact_in_s3(stack: Stack) -> None:
    python(stack, RUN)
    question = "SELECT name, key, value, step FROM runs JOIN metrics USING (run_uuid)"
    assert rows(stack, "mlflow", question) == [("one", "distance", 0.25, 3)]
    (found,) = s3(stack).list_objects_v2(Bucket="smis-mlflow")["Contents"]
    assert found["Key"].endswith("/artifacts/words.txt")
    assert s3(stack).get_object(Bucket="smis-mlflow", Key=found["Key"])["Body"].read() == b"said once"


def test_a_study_outlives_its_process(stack: Stack) -> None:
    python(stack, STUDY)
    again = [trial["red"] for trial in json.loads(python(stack, AGAIN))]
    question = "SELECT param_value FROM trial_params ORDER BY trial_id"
    assert again == [value for (value,) in rows(stack, "optuna", question)]
    assert len(again) == 2


def test_what_a_worker_pushes_is_in_s3(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config.local").write_text(stack.dvc_config)
    (tmp_path / "data.txt").write_text("prepared")
    for words in (["add", "--quiet", "data.txt"], ["push", "--quiet"]):
        stack.run("trials-cpu", sys.executable, "-m", "dvc", *words, cwd=tmp_path)
    (found,) = s3(stack).list_objects_v2(Bucket="smis-dvc")["Contents"]
    assert s3(stack).get_object(Bucket="smis-dvc", Key=found["Key"])["Body"].read() == b"prepared"


@pytest.mark.parametrize("bucket", ["smis-dvc", "smis-mlflow"])
def test_a_bucket_keeps_old_versions(stack: Stack, bucket: str) -> None:
    assert s3(stack).get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": Config(signature_version=UNSIGNED)}, "AccessDenied"),
        ({"aws_secret_access_key": "guessed"}, "SignatureDoesNotMatch"),
        ({"aws_access_key_id": "admin"}, "InvalidAccessKeyId"),
    ],
    ids=["no keys", "a wrong secret", "an unknown key"],
)
def test_s3_refuses(stack: Stack, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        s3(stack, **changes).list_objects_v2(Bucket="smis-dvc")


@pytest.mark.parametrize(("user", "database"), [("optuna", "prefect"), ("optuna", "mlflow"), ("prefect", "optuna")])
def test_a_user_opens_no_database_but_its_own(stack: Stack, user: str, database: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match=f'permission denied for database "{database}"'):
        rows(stack, user, "SELECT 1", database=database)


def test_postgresql_refuses_a_wrong_password(stack: Stack) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(
            host="127.0.0.1", port=stack.ports["postgres"], user="optuna", password="guessed", dbname="optuna"
        )


def test_no_server_has_a_password_among_its_arguments(stack: Stack) -> None:
    secret = {value for name, value in stack.variables.items() if name.endswith(("PASSWORD", "KEY", "KEY_ID"))}
    below = [psutil.Process(process.pid) for process in stack.processes.values()]
    lines = [" ".join(one.cmdline()) for top in below for one in [top, *top.children(recursive=True)]]
    assert len(lines) > len(stack.processes)
    assert [line for line in lines if any(one in line for one in secret)] == []
