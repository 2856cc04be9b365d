"""Raw files in a sweep: large, and read by nobody but `prepare`."""

import subprocess
from pathlib import Path

from tests.flows.sweeps import DVC, RATE, SWEEP, SweepWorkspace


def depend_on_raw(small: SweepWorkspace, *, ignored: str) -> Path:
    (small.path / "dvc.yaml").write_text(DVC.replace("deps: [tool.py]", 'deps: [tool.py, "raw/${item.dataset}"]'))
    (small.path / "raw").mkdir()
    (small.path / ".gitignore").write_text(f"{ignored}\n/data\n/runs\n/output\n.scratch\n*.jsonl\n")
    subprocess.run(["git", "init", "--quiet"], cwd=small.path, check=True)
    return small.path / "raw" / "doll"


def test_trials_read_a_link_to_raw_files_where_it_leads(small: SweepWorkspace, server: str) -> None:
    photographs = small.path.parent / "photographs"
    photographs.mkdir()
    (photographs / "1.png").write_text("a picture")
    depend_on_raw(small, ignored="").symlink_to(photographs)
    done = small.run(SWEEP, "--space", small.write(space={RATE: [0.1]}), PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    (trial,) = (small.path / ".scratch" / "sweeps" / "small").glob("trial-*")
    assert (trial / "raw" / "doll").resolve() == photographs


def test_trials_have_what_was_prepared_and_not_the_raw_files(small: SweepWorkspace, server: str) -> None:
    raw = depend_on_raw(small, ignored="/raw/doll")
    raw.mkdir()
    (raw / "photographs.zip").write_text("many")
    for command in (["add", "raw/doll"], ["repro", "--quiet", "prepare@doll"]):
        done = small.run("dvc", *command)
        assert done.returncode == 0, done.stderr
    done = small.run(SWEEP, "--space", small.write(space={RATE: [0.1, 0.2]}), PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    assert [row["state"] for row in small.rows()] == ["finished"] * 2
    assert len(small.records(stage="prepare")) == 1
    trials = list((small.path / ".scratch" / "sweeps" / "small").glob("trial-*"))
    assert len(trials) == 2
    assert not any((trial / "raw" / "doll").exists() for trial in trials)
