"""Workspaces with odd names, databases that do not open, and addresses whose passwords nobody may read."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import create_engine, text

import flows.addresses
import pipelines.tracking.server_address
from flows.exceptions import SweepError
from flows.sweep.study import open_storage
from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking.cell_outputs import CellOutputs
from pipelines.tracking.client import RunRecord
from pipelines.tracking.server_address import database_file, sqlite_uri, tracking_uri
from smis.core.errors import ParamsError
from tests import empty_databases
from tests.pipelines.conftest import PARAMETERS, write_cell
from tests.servers import free_port

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
SECRET = "countess"
ADDRESSES = [flows.addresses, pipelines.tracking.server_address]

FOLDERS = [
    "a%20b",
    "a%2520b",
    "what?",
    "a?mode=ro",
    "#1",
    "a b",
    "ada@home",
    "100%",
    "a&b=c",
    "üñ",
    "a+b",
    "'quoted\"",
    ":memory:",
]
WORST = "a%20b?c#d e@f"

SOUND = [
    "http://host:5000",
    "https://ada:p%2Fw@host/mlflow",
    "http://[::1]:5000",
    "postgresql+psycopg2://me:chosen@db:5432/optuna?sslmode=require",
    "postgresql://me:chosen@/db?host=/run/postgresql",
    "sqlite:////home/ada@home/mlflow.db",
    "file:///home/ada@home/mlruns",
    "mlruns",
]
UNSOUND = [
    f"http://ada:{SECRET}/x@host:5000",
    f"http://ada:x/{SECRET}@host:5000",
    f"http://ada:5000/{SECRET}@host:5000",
    f"http://ada:x?{SECRET}@host",
    f"http://ada:x#{SECRET}@host",
    f"http://ada:x@{SECRET}@host",
    f"http://ada:x {SECRET}@host",
    f"http://ada:x\n{SECRET}@host",
    f"postgresql://ada:x/{SECRET}@host/db",
    f"postgresql://ada:{SECRET}@host:port/db",
    f"postgresql://ada:{SECRET}@host:99999/db",
    "http://",
    "http://:5000",
    "http://host:five",
    "http://host:70000",
    f"http://host:{'9' * 5000}",
    "http://[::1:5000",
]
CLOSED = ["a file that is none", "a folder", "not to be written", "of another kind", "of a later version"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace that MLFLOW_TRACKING_URI says nothing of."""
    for name in ("MLFLOW_TRACKING_URI", "SMIS_TRACKING", "SMIS_STUDIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(CellOutputs, "parameters", lambda cell: dict(PARAMETERS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made before the time of a test begins."""
    return empty_databases.mlflow(tmp_path_factory)


@pytest.mark.parametrize("module", ADDRESSES)
@pytest.mark.parametrize("name", FOLDERS)
def test_the_file_that_an_address_names_is_the_one_that_opens(name: str, module: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / name / "x.db"
    file.parent.mkdir()
    uri = module.sqlite_uri(file)
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(text("create table cells (name)"))
    engine.dispose()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("cells",)]
    assert [*tmp_path.rglob("*")] == [file.parent, file]
    assert database_file(uri) == file


def test_a_workspace_of_any_name_keeps_its_runs_and_its_studies(
    workspace: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = workspace / WORST
    here.mkdir()
    shutil.copy(empty_database, here)
    monkeypatch.chdir(here)
    write_cell()
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) is not None
    open_storage().engine.dispose()
    with closing(sqlite3.connect(here / "mlflow.db")) as connection:
        assert connection.execute("select count(*) from runs").fetchone() == (1,)
    assert len([*here.glob("mlartifacts/*/artifacts/tables/classes.png")]) == 1
    assert (here / ".scratch" / "sweeps" / "studies.db").exists()
    assert [*workspace.iterdir()] == [here]


def test_trials_and_stages_name_the_same_database(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOLDERS:
        (workspace / name).mkdir()
        monkeypatch.chdir(workspace / name)
        assert flows.addresses.sqlite_uri(Path("mlflow.db")) == sqlite_uri(Path("mlflow.db")) == tracking_uri()


def damage(file: Path, kind: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    match kind:
        case "a file that is none":
            file.write_bytes(b"no database at all, but long enough to have a header" * 20)
        case "a folder":
            file.mkdir()
        case "of a later version":
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("create table alembic_version (version_num)")
                connection.execute("insert into alembic_version values ('later')")
                connection.execute("create table version_info (version_info_id, schema_version, library_version)")
                connection.commit()
        case "of another kind":
            file.symlink_to("/dev/full")
        case "not to be written":
            file.symlink_to("/nonexistent/mlflow.db")


@pytest.mark.parametrize("kind", CLOSED)
def test_a_database_that_does_not_open_is_told_at_once(
    kind: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(workspace / "mlflow.db", kind)
    write_cell()
    begin = time.monotonic()
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) is None
    assert time.monotonic() - begin < 20
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tracking: MLflow does not answer at sqlite:///{workspace}/mlflow.db (")
    assert line.endswith("; paperdoll/groupdnet/seed-0 will be sent by the next `make repro`")


@pytest.mark.parametrize("kind", CLOSED)
def test_studies_that_do_not_open_are_told_at_once(kind: str, workspace: Path) -> None:
    damage(workspace / ".scratch" / "sweeps" / "studies.db", kind)
    with pytest.raises(
        SweepError, match=r"^the studies of sweeps in \.scratch/sweeps/studies\.db do not open \(.+\); mov"
    ):
        open_storage()


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "mysql", "paper", "http"])
def test_a_server_that_is_not_there_is_told_without_its_password(
    scheme: str, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"127.0.0.1:{free_port()}/mlflow"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://ada:{SECRET}@{place}")
    write_cell()
    begin = time.monotonic()
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0)) is None
    assert time.monotonic() - begin < 20
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tracking: MLflow does not answer at {scheme}://{place} (")
    assert SECRET not in line


@pytest.mark.parametrize("address", SOUND)
def test_an_address_is_taken(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert tracking_uri() == address


@pytest.mark.parametrize("address", UNSOUND)
def test_an_address_that_cannot_be_one_is_refused_before_a_training_without_its_password(
    address: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(
        ParamsError, match=r"^MLFLOW_TRACKING_URI is .*, which is no address; an address is like"
    ) as told:
        tracking.start_run(Cell("paperdoll", "groupdnet", 0), {}, state=workspace)
    assert str(told.value).isprintable()
    assert not any(part in str(told.value) for part in (SECRET, "ada", "x@"))


@pytest.mark.parametrize("address", [*UNSOUND, *(address.replace("http:", "postgresql:") for address in UNSOUND)])
def test_studies_at_an_address_that_cannot_be_one_are_told_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_STUDIES", address)
    with pytest.raises(
        SweepError, match=r"^the database that SMIS_STUDIES names does not open \(.+\); an addr"
    ) as told:
        open_storage()
    assert str(told.value).isprintable()
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("module", ADDRESSES)
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"at http://ada:{SECRET}@host:5000/x (no)", "at http://host:5000/x (no)"),
        (f"at http://ada:x/{SECRET}@host:5000/x (no)", "at http://host:5000/x (no)"),
        (f"at http://ada:@/{SECRET}@host", "at http://host"),
        (f"postgresql://{SECRET}@host/db", "postgresql://host/db"),
        (f"http://a:{SECRET}@b and http://c:{SECRET}@d", "http://b and http://d"),
        *(
            (same, same)
            for same in ("http://host:5000/#/a@b", "http://[::1]:5000/#/a@b", "git@host", "sqlite:////a@b/c.db")
        ),
        *((same, same) for same in ("http://host/a@b", "http://host?a@b", "https://host:5000/x, ada@home", "://", "@")),
    ],
)
def test_what_is_shown_has_no_password(given: str, shown: str, module: ModuleType) -> None:
    assert module.without_credentials(given) == shown


def test_a_record_is_written_and_kept_without_the_password(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    uri = f"postgresql://ada:x/{SECRET}@host/db"
    RunRecord(uri=uri, run="1").write(path)
    assert SECRET not in path.read_text()
    path.write_text(json.dumps({"uri": uri, "run": "1", "tags": {"a": "b"}}, indent=1))
    record = RunRecord.read(path)
    assert record is not None
    assert (record.uri, record.run, record.tags) == ("postgresql://host/db", "1", {"a": "b"})
    assert SECRET not in path.read_text()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"uri": 1}', b'{"run": {}}'])
def test_a_record_that_is_broken_counts_as_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    assert RunRecord.read(path) is None
