"""What a sweep says of the disk, and that the command which it names keeps what is needed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flows import disk
from flows.sweep import workspace as copies
from tests.flows.workspaces import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")]


def restored(path: Path) -> bool:
    """Whether the cache has every output of a workspace, once its own are gone."""
    command = [sys.executable, "-m", "dvc", "checkout", "--force", "--quiet"]
    return subprocess.run(command, cwd=path, capture_output=True, check=False).returncode == 0


def test_the_command_keeps_what_the_workspace_and_kept_trials_need_and_frees_the_rest(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.path)
    assert workspace.run("dvc", "repro", "--quiet").returncode == 0
    first = (workspace.path / "dvc.lock").read_text()
    trial = copies.copy(Path(), Path(".scratch/sweeps/rates/trial-0000-seed-0"), outs={"data", "runs", "report"})
    tool = Path("tool.py").read_text()
    for folder, word in ((trial, "of the trial"), (Path(), "newer")):
        (folder / "tool.py").write_text(tool.replace("write_text(what)", f'write_text(what + " {word}")'))
        command = [sys.executable, "-m", "dvc", "repro", "--quiet"]
        subprocess.run(command, cwd=folder, env=workspace.env, check=True, capture_output=True)
    before = disk.folder_size(disk.cache_folder(Path()))
    command = disk.command(Path())
    assert command == "dvc gc --workspace --projects .scratch/sweeps/*/trial-*"
    done = workspace.run(*shlex.split(command.replace("/*/trial-*", "/rates/trial-0000-seed-0")), "--force", "--quiet")
    assert done.returncode == 0, done.stderr
    assert 0 < disk.folder_size(disk.cache_folder(Path())) < before
    assert restored(Path())
    assert restored(trial)
    Path("dvc.lock").write_text(first)
    assert not restored(Path())


def test_the_size_of_trainings_is_that_of_the_largest_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cached = Path(".dvc/cache/files/md5/00/aa")
    cached.parent.mkdir(parents=True)
    cached.write_bytes(bytes(20_000_000))
    stages = {"prepare@doll": 10**15, "train@doll-a": 10**9, "evaluate@doll-a": 5 * 10**8, "train@doll-b": 10**9}
    lines = [f"  {name}: {{outs: [{{path: x, size: {size}}}]}}" for name, size in stages.items()]
    Path("dvc.lock").write_text("\n".join(["stages:", *lines]))
    first, *rest = disk.report(Path(), cells=6)
    assert first.endswith("GB free; DVC's cache .dvc/cache holds 0.02 GB; 6 trainings may add 9.00 GB")
    assert rest[-1].endswith("remove old folders of .scratch/sweeps, then run: dvc gc --workspace")
    assert "warning: the trainings may need more than is free" in [*disk.report(Path(), cells=10**9)]


def test_a_new_workspace_has_nothing_to_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = disk.report(Path(), cells=6)
    assert line.endswith("GB free; DVC's cache .dvc/cache holds 0.00 GB")
