"""What a person must not read: passwords of addresses, and the keys of S3."""

from pathlib import Path

import pytest

from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking.client import without_credentials
from tests.servers import free_port

from .conftest import Door, write_cell

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
SECRET = "countess-of-lovelace"


def test_a_password_in_mlflows_address_is_not_in_the_link(
    door: Door, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", door.uri.replace("://", f"://ada:{SECRET}@"))
    door.open()
    write_cell(dataset="secret")
    link = tracking.publish(Cell("secret", "groupdnet", 0))
    assert link is not None
    assert link.startswith(f"{door.uri}/#/experiments/")


@pytest.mark.usefixtures("workspace")
def test_nor_in_what_is_said_when_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ada:{SECRET}@{address}")
    write_cell()
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) is None
    said = capsys.readouterr()
    assert f"MLflow does not answer at http://{address} (" in said.err
    assert SECRET not in said.out + said.err


def test_an_at_sign_after_the_host_is_no_password() -> None:
    assert without_credentials("http://host:5000/#/a@b and git@host") == "http://host:5000/#/a@b and git@host"


def test_keys_of_s3_do_not_come_to_mlflow(database: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    write_cell()
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) is not None
    holding = [path for path in workspace.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert holding == []
