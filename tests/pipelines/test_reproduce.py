"""From a run in MLflow back to a workspace that makes its cell: a small DAG whose stage is a script."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking.cell_outputs import commit_tags
from pipelines.tracking.lineage import find_lineage
from pipelines.tracking.reproduce import main
from smis.core.errors import ParamsError

from .conftest import write_cell

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")]

CELL, CHECKPOINT = "paperdoll/groupdnet", "runs/paperdoll/groupdnet/seed-0/checkpoint.safetensors"
DVC = """\
stages:
  evaluate:
    matrix: {dataset: [paperdoll], system: [groupdnet], seed: [0]}
    cmd: python code/make.py
    params: [rate]
    deps: [code, raw/paperdoll]
    outs: ["runs/${item.dataset}/${item.system}/seed-${item.seed}"]
    metrics: ["metrics/${item.dataset}/${item.system}/seed-${item.seed}.json": {cache: false}]
"""
MAKE = """\
import hashlib
import shutil
from pathlib import Path
shutil.rmtree("runs", ignore_errors=True)
shutil.copytree("code/made/runs", "runs")
shutil.copytree("code/made/metrics", "metrics", dirs_exist_ok=True)
Path("runs/paperdoll/groupdnet/seed-0/checkpoint.safetensors").write_text(
    Path("raw/paperdoll").read_text() + Path("params.yaml").read_text()
)
"""


@pytest.fixture
def project(database: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one stage, where nothing was run yet; the working folder."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b.c")
    commit_tags.cache_clear()
    write_cell()
    made = Path("code/made")
    made.mkdir(parents=True)
    for name in ("runs", "metrics"):
        shutil.move(name, made / name)
    Path("code/make.py").write_text(MAKE)
    Path("dvc.yaml").write_text(DVC)
    Path("params.yaml").write_text("rate: 1\n")
    Path(".gitignore").write_text(".scratch/\nmlflow.db\nmlartifacts/\nraw/\n")
    Path("raw").mkdir()
    Path("raw/paperdoll").write_text("photographs, ")
    run("git", "init", "--quiet")
    run("dvc", "init", "--quiet")
    commit()
    return Path.cwd()


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def commit() -> None:
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "a commit")


def made(rate: int = 2) -> str:
    """Make the cell with a parameter that is in no commit, publish it, set the parameter back; give the bytes."""
    Path("params.yaml").write_text(f"rate: {rate}\n")
    run("dvc", "repro", "--quiet")
    assert tracking.publish(Cell("paperdoll", "groupdnet", 0))
    text = Path(CHECKPOINT).read_text()
    Path("params.yaml").write_text("rate: 1\n")
    return text


def reproduced(which: str = CELL, *options: str) -> Path:
    main([which, "--folder", "again", *options])
    return Path("again")


def test_a_cell_is_made_again_in_a_clean_clone(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = made()
    run("git", "clone", "--quiet", ".", "../clone")
    monkeypatch.chdir("../clone")
    shutil.copytree(project / "raw", "raw")
    folder = reproduced(find_lineage(CELL).tags["smis.checkpoint"][:12], "--run")
    assert (folder / CHECKPOINT).read_text() == text == "photographs, rate: 2\n"
    printed = capfd.readouterr().out
    assert "cd again && PATH=$PWD/.venv/bin:$PATH dvc repro evaluate@paperdoll-groupdnet-0" in printed
    assert "the same bytes  runs/paperdoll/groupdnet/seed-0" in printed


def test_what_made_a_cell_is_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made()
    lineage = find_lineage(CELL)
    capsys.readouterr()
    reproduced(lineage.run, "--show")
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.replace("made on", "made-on").splitlines())
    assert shown["run"].startswith(lineage.run)
    assert shown["cell"] == f"{CELL}, seed 0"
    assert shown["made-on"] == "unknown: restored from DVC's cache"
    assert shown["checkpoint"] == f"sha256 {hashlib.sha256(Path(CHECKPOINT).read_bytes()).hexdigest()}"
    assert lineage.inputs().keys() == {"code", "raw/paperdoll"}
    assert not Path("again").exists()


def test_code_that_was_in_no_commit_comes_from_the_run(project: Path) -> None:
    code = Path("code/make.py")
    code.write_text(MAKE.replace('"params.yaml"', '"code/make.py"'))
    text = made()
    code.write_text(MAKE)
    assert (reproduced(find_lineage(CELL).run, "--run") / CHECKPOINT).read_text() == text


def test_a_commit_that_no_branch_has_any_more_is_found(project: Path) -> None:
    Path("code/note").write_text("later\n")
    commit()
    made()
    run("git", "reset", "--quiet", "--hard", "HEAD~1")
    assert (reproduced() / "code/note").read_text() == "later\n"


def test_what_git_never_had_is_told(project: Path) -> None:
    Path("code/new.py").write_text("new = True\n")
    made()
    with pytest.raises(ParamsError, match=r"^run \w{32} was made with other code than again has, by DVC's hashes"):
        reproduced()


def test_other_data_is_told(project: Path) -> None:
    made()
    Path("raw/paperdoll").write_text("other photographs, ")
    with pytest.raises(
        ParamsError, match=r"was made with other raw/paperdoll than again has, by DVC's hashes: other data"
    ):
        reproduced()


def test_missing_data_is_told_with_its_hash(project: Path) -> None:
    made()
    Path("raw/paperdoll").unlink()
    with pytest.raises(
        ParamsError, match=r"there is no raw/paperdoll, .* \(DVC's hash: \w{32}\); put it there, or `dvc pull"
    ):
        reproduced()


def test_a_repository_without_the_commit_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    Path("other").mkdir()
    monkeypatch.chdir("other")
    run("git", "init", "--quiet")
    with pytest.raises(
        ParamsError, match=r"this repository does not have commit \w{40} of run \w{32}; `git fetch` brings"
    ):
        reproduced()


def test_a_run_without_a_commit_is_told(project: Path) -> None:
    shutil.rmtree(".git")
    run("dvc", "config", "--local", "core.no_scm", "true")
    made()
    with pytest.raises(
        ParamsError, match=r"the commit of run \w{32} is unknown: its workspace was in no git repository"
    ):
        reproduced()


def test_a_cell_that_dvc_did_not_make_is_told(database: str) -> None:
    write_cell()
    tracking.publish(Cell("paperdoll", "groupdnet", 0))
    with pytest.raises(ParamsError, match=r"run \w{32} does not hold its params.yaml and dvc.lock"):
        find_lineage(CELL)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        (
            "not a run",
            r"^'not a run' is no run; give the id of a run in MLflow, a cell such as paperdoll/inade, or eight",
        ),
        ("0" * 32, r"^MLflow at sqlite:.*: Run with id=0+ not found"),
        ("12345678", r"^MLflow at sqlite:.* has no run of 12345678; MLFLOW_TRACKING_URI names another MLflow$"),
        ("a/b", r"^MLflow at sqlite:.* has no run of a/b;"),
    ],
)
def test_a_run_that_there_is_not_is_told(project: Path, which: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        find_lineage(which)


def test_a_folder_that_exists_is_left_alone(project: Path) -> None:
    made()
    Path("again").mkdir()
    with pytest.raises(ParamsError, match=r"again exists; remove it, or name another folder with --folder"):
        reproduced()
    assert not [*Path("again").iterdir()]
