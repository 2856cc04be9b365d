"""Raw files that DVC tracks, in a sweep: large, and read by nobody but `prepare`."""

import subprocess

from tests.flows.sweeps import DVC, RATE, SWEEP, SweepWorkspace


def test_trials_have_what_was_prepared_and_not_the_raw_files(small: SweepWorkspace) -> None:
    (small.path / "dvc.yaml").write_text(DVC.replace("deps: [tool.py]", 'deps: [tool.py, "raw/${item.dataset}"]'))
    raw = small.path / "raw" / "doll"
    raw.mkdir(parents=True)
    (raw / "photographs.zip").write_text("many")
    (small.path / ".gitignore").write_text("/raw/doll\n/data\n/runs\n/output\n.scratch\n*.jsonl\n")
    subprocess.run(["git", "init", "--quiet"], cwd=small.path, check=True)
    for command in (["add", "raw/doll"], ["repro", "--quiet", "prepare@doll"]):
        done = small.run("dvc", *command)
        assert done.returncode == 0, done.stderr
    done = small.run(SWEEP, "--space", small.write(space={RATE: [0.1, 0.2]}))
    assert done.returncode == 0, done.stderr
    assert [row["state"] for row in small.rows()] == ["finished"] * 2
    assert len(small.told(stage="prepare")) == 1
    trials = list((small.path / ".scratch" / "sweeps" / "small").glob("trial-*"))
    assert len(trials) == 2
    assert not any((trial / "raw" / "doll").exists() for trial in trials)
