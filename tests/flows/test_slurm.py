"""slurm.yaml, the script of a worker job, and how many jobs there should be; a real Slurm: sweep/test_slurm_jobs.py."""

import itertools
import subprocess
from pathlib import Path

import pytest

from flows import worker
from flows.exceptions import FlowError, SlurmError
from flows.slurm import SlurmConfig, SlurmJobs
from flows.slurm_worker import plan
from flows.worker import run_until_idle
from flows.yaml_reader import read_yaml
from tests.flows.workspaces import ROOT


def read(tmp_path: Path, text: str) -> SlurmConfig:
    (tmp_path / "slurm.yaml").write_text(text)
    return SlurmConfig.read(tmp_path / "slurm.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_jobs: 0", r"slurm.yaml: max_jobs is 0: Input should be greater than or equal to 1"),
        ("time_limit_min: 4:00:00", r"slurm.yaml: time_limit_min is 14400: Input should be less than or equal to"),
        ("partition: gpu now", r"slurm.yaml: partition is 'gpu now': it may have no spaces, quotes or #"),
        (
            "jobs: 3",
            r"slurm.yaml: jobs is 3: there is no such field; the fields are name, max_jobs, time_limit",
        ),
        ("options: [constraint=a100]", r"slurm.yaml: options.0 is 'constraint=a100': it may have no spaces"),
        ("mem: 4G\nmem: 8G", "the key 'mem' is there twice"),
        ("- 1", "has no sections"),
        ("time_limit_min: 2\ngrace_s: 120", "grace_s is 120 s, but a job has only 120 s; it must be less"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        read(tmp_path, text)


def test_the_script_has_each_field_and_is_bash(tmp_path: Path) -> None:
    text = "partition: gpu\ngres: gpu:2\nmem: 8G\ncpus_per_task: 4\noptions: [--exclusive]\nsetup: [module load cuda]\n"
    script = read(tmp_path, text + "python: [apptainer, exec, my image.sif, python]").script()
    for option in ("partition=gpu", "gres=gpu:2", "mem=8G", "cpus-per-task=4", "exclusive", "signal=B:TERM@120"):
        assert f"\n#SBATCH --{option}\n" in script
    *_, setup, grace, last, end = script.split("\n")
    assert (setup, grace, end) == ("module load cuda", "export SMIS_GRACE_S=100", "")
    assert last == "exec apptainer exec 'my image.sif' python -m flows.worker --until-idle 60"
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_example_of_the_guide_names_every_field(tmp_path: Path) -> None:
    guide = (ROOT / "docs/slurm.md").read_text()
    example = guide.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "slurm.yaml").write_text(example)
    SlurmConfig.read(tmp_path / "slurm.yaml")
    assert read_yaml(tmp_path / "slurm.yaml").keys() == SlurmConfig.model_fields.keys()


def test_without_slurm_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmError, match=r"^there is no sbatch in PATH; run this where jobs are submitted"):
        SlurmJobs(SlurmConfig(), "http://127.0.0.1:1/api").check()


def test_what_slurm_says_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    script = "#!/bin/sh\necho 'sbatch: error: no such' >&2\necho 'allocation failure' >&2\nexit 1\n"
    (tmp_path / "sbatch").write_text(script)
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(SlurmError, match=r"^sbatch: no such; allocation failure$"):
        SlurmJobs(SlurmConfig(), "http://127.0.0.1:1/api").check()


def test_there_are_never_more_jobs_than_allowed_nor_more_than_trials() -> None:
    for queued, running, waiting, taken in itertools.product(range(4), range(4), range(6), range(6)):
        live = {str(number): "PENDING" if number < queued else "RUNNING" for number in range(queued + running)}
        submitted, surplus = plan(live, waiting=waiting, taken=taken, max_jobs=4)
        assert submitted == 0 or (len(live) + submitted <= 4 and submitted <= waiting and not surplus)
        assert all(live[number] == "PENDING" for number in surplus)
    assert plan({}, waiting=0, taken=2, max_jobs=4) == (0, [])
    assert plan({"1": "PENDING", "2": "PENDING"}, waiting=0, taken=0, max_jobs=4) == (0, ["1", "2"])


def test_a_job_takes_trials_until_none_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = [2, 1]
    monkeypatch.setattr(worker, "POLL_S", 0.01)
    monkeypatch.setattr(worker, "count_waiting", lambda _: sum(waiting[:1]))
    run_until_idle(lambda: waiting.pop(0) * 0, idle_timeout_s=0.05)
    assert waiting == []
    waiting = [1]
    with pytest.raises(FlowError, match="the worker ended with exit code 3"):
        run_until_idle(lambda: 3, idle_timeout_s=0.05)


def test_a_job_that_is_told_to_end_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "count_waiting", lambda _: 1)
    run_until_idle(interrupted, idle_timeout_s=60)
