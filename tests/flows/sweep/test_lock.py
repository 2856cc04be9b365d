"""One running sweep of a name."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.exceptions import SweepError
from flows.processes import terminate
from flows.sweep import Sweep
from flows.sweep.lock import exclusive
from flows.sweep.study import DATABASE
from flows.up import LOGS, PREFECT
from tests import empty_databases
from tests.flows.workspaces import ROOT, wait_for
from tests.servers import free_port


def options(name: str, executor: str) -> Sweep:
    return Sweep.model_validate({"name": name, "objectives": {"FD": "minimize"}, "executor": executor})


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.delenv(DATABASE, raising=False)
    (tmp_path / "hers").mkdir()
    (tmp_path / "his").mkdir()
    return tmp_path / "hers", tmp_path / "his"


def test_a_second_sweep_of_a_name_is_refused_in_the_same_workspace(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders[0])
    with (
        exclusive(options("rates", "local")),
        exclusive(options("other", "local")),
        pytest.raises(SweepError, match=r"^sweep rates is running already; wait for it, or choose another name$"),
        exclusive(options("rates", "local")),
    ):
        pass
    with exclusive(options("rates", "local")):
        pass


def test_sweeps_of_a_name_in_two_workspaces_that_share_nothing_are_two_sweeps(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders[0])
    with exclusive(options("rates", "local")):
        monkeypatch.chdir(folders[1])
        with exclusive(options("rates", "local")):
            pass


@pytest.mark.parametrize("shared_by", ["pool", "database"])
def test_a_second_sweep_of_a_name_is_refused_in_another_workspace_that_shares_its_trials(
    folders: tuple[Path, Path], server: str, shared_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shared_by == "database":
        monkeypatch.setenv(DATABASE, "sqlite:///studies.db")
    sweep = options(f"by-{shared_by}", "pool" if shared_by == "pool" else "local")
    with temporary_settings({PREFECT_API_URL: server}):
        monkeypatch.chdir(folders[0])
        with exclusive(sweep):
            monkeypatch.chdir(folders[1])
            with pytest.raises(SweepError, match="is running already"), exclusive(sweep, timeout_s=1):
                pass
        with exclusive(sweep):
            pass


@pytest.mark.slow  # two starts of a server
def test_the_name_of_a_sweep_is_free_after_it_though_its_server_restarted(
    folders: tuple[Path, Path], home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders[0])
    monkeypatch.setenv(PREFECT.port_variable, str(free_port()))
    monkeypatch.setenv("PREFECT_HOME", str(home))
    LOGS.mkdir(parents=True)
    shutil.copy(empty_databases.prefect(tmp_path_factory), LOGS)
    server = PREFECT.start()
    try:
        PREFECT.wait(server)
        with temporary_settings({PREFECT_API_URL: f"{PREFECT.address}/api"}):
            with exclusive(options("restarted", "pool")):
                assert [*LOGS.glob("concurrency_leases/*.json")]  # each clone's own, whatever PREFECT_HOME is
                terminate([server.pid])
                server.wait()
                server = PREFECT.start()
                PREFECT.wait(server)
            with exclusive(options("restarted", "pool"), timeout_s=1):
                pass
    finally:
        terminate([server.pid])
        server.wait()


HOLD = """\
import time
from pathlib import Path

from flows.sweep import Sweep
from flows.sweep.lock import exclusive

options = {"name": "killed", "objectives": {"FD": "minimize"}, "executor": "pool"}
with exclusive(Sweep.model_validate(options)):
    Path("held").touch()
    time.sleep(600)
"""


@pytest.mark.slow  # a minute: Prefect's shortest lease
def test_the_name_of_a_sweep_that_was_killed_is_free_after_its_lease(
    folders: tuple[Path, Path], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", server)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    holder = subprocess.Popen([sys.executable, "-c", HOLD], cwd=folders[0])
    wait_for((folders[0] / "held").exists, timeout_s=100)
    holder.kill()
    holder.wait()
    monkeypatch.chdir(folders[1])
    with temporary_settings({PREFECT_API_URL: server}), exclusive(options("killed", "pool")):
        pass
