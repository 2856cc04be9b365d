"""`python -m flows.sweep.apply`: what comes back is the trial's, or nothing does."""

import hashlib
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from flows import dag
from flows.exceptions import SweepError
from flows.sweep import Sweep
from flows.sweep.apply import find, main
from flows.sweep.scheduler import TrialBuilder
from flows.sweep.space import Space
from flows.sweep.trial import Trial
from tests.flows.sweeps import DVC, PARAMS, RATE, SWEEP, SweepWorkspace

Apply = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, home: Path, server: str) -> Iterator[SweepWorkspace]:
    """Two trials, whose stages depend on a folder of code."""
    made = SweepWorkspace(tmp_path_factory.mktemp("trained") / "Räume & mehr", home=home)
    depends = 'deps: ["data/${item.dataset}", tool.py, lib]'
    (made.path / "dvc.yaml").write_text(DVC.replace('deps: ["data/${item.dataset}", tool.py]', depends))
    (made.path / "lib").mkdir()
    (made.path / "lib" / "a.py").write_text("1")
    done = made.run(SWEEP, "--space", made.write(space={RATE: [0.1, 0.2]}), PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    yield made
    made.end()


@pytest.fixture
def swept(trained: SweepWorkspace) -> Iterator[SweepWorkspace]:
    """The same as it was after the sweep, nothing brought back."""
    yield trained
    (trained.path / "params.yaml").write_text(PARAMS)
    (trained.path / "lib" / "new.py").unlink(missing_ok=True)
    (trained.path / "lib" / "a.py").write_text("1")
    (trained.path / "dvc.lock").unlink(missing_ok=True)
    for name in ("runs", "data", "metrics"):
        shutil.rmtree(trained.path / name, ignore_errors=True)


@pytest.fixture
def apply(swept: SweepWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Apply:
    """Run the command in this process, which is quicker; tests of whole sweeps start it."""
    monkeypatch.chdir(swept.path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.delenv("SHELL", raising=False)
    for name, value in swept.env.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> "CompletedProcess[str]":
        code = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
        told = capsys.readouterr()
        return CompletedProcess(arguments, int(code or 0), told.out, told.err)

    return run


def model(small: SweepWorkspace) -> str:
    return (small.path / "runs/doll/one/seed-0/model").read_text()


def test_a_sweep_runs_where_the_path_is_not_ascii(swept: SweepWorkspace) -> None:
    assert [row["state"] for row in swept.rows()] == ["finished"] * 2


@pytest.mark.parametrize("file", ["a.py", "new.py"], ids=["changed", "added"])
def test_a_trial_of_other_code_is_refused(swept: SweepWorkspace, apply: Apply, file: str) -> None:
    (swept.path / "lib" / file).write_text("3")
    refused = apply("small", "1")
    assert refused.returncode == 2
    assert "trial-0001-seed-0 ran with other code than this workspace has now; go back to that code" in refused.stderr
    assert (swept.path / "params.yaml").read_text() == PARAMS


def test_all_parameters_of_its_stages_come_back_and_those_that_it_did_not_vary_are_named(
    swept: SweepWorkspace, apply: Apply
) -> None:
    before = len(swept.records("begins"))
    text = PARAMS.replace("steps: 3", "steps: 99, more: 1").replace("{size: 8}", "{size: 16}")
    (swept.path / "params.yaml").write_text(text)
    brought = apply("small", "1")
    assert brought.returncode == 0, brought.stderr
    assert [line for line in brought.stdout.splitlines() if line.startswith("params.yaml: ")] == [
        "params.yaml: datasets.doll.size was 16, is 8 as in trial-0001-seed-0",
        "params.yaml: train.more was 1, is nothing as in trial-0001-seed-0",
        "params.yaml: train.steps was 99, is 3 as in trial-0001-seed-0",
    ]
    assert (swept.path / "params.yaml").read_text().startswith("# Every number")
    assert model(swept) == "one 0.2 0"
    assert len(swept.records("begins")) == before


def test_what_cannot_be_restored_is_not_trained_again(swept: SweepWorkspace, apply: Apply) -> None:
    before = len(swept.records("begins"))
    cache = swept.path / ".dvc" / "cache"
    cache.rename(cache.with_name("elsewhere"))
    try:
        refused = apply("small", "1")
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        cache.with_name("elsewhere").rename(cache)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: prepare@doll of trial-0001-seed-0 is in neither this workspace nor DVC's")
    assert "`dvc repro train@doll-one-0 evaluate@doll-one-0` does that" in refused.stderr
    assert len(swept.records("begins")) == before


def test_metrics_that_no_cache_has_are_measured_again_from_what_was_trained(
    swept: SweepWorkspace, apply: Apply
) -> None:
    trained, measured = (len(swept.records("begins", stage=stage)) for stage in ("train", "evaluate"))
    (trial,) = (swept.path / ".scratch/sweeps/small").glob("trial-0001-*")
    digest = hashlib.md5((trial / "metrics/doll/one/seed-0.json").read_bytes()).hexdigest()
    (kept,) = (swept.path / ".dvc/cache").rglob(digest[2:])
    kept.rename(trial / "kept")
    try:
        brought = apply("small", "1")
    finally:
        (trial / "kept").rename(kept)
    assert brought.returncode == 0, brought.stderr
    assert "evaluate@doll-one-0 runs again, on restored inputs" in brought.stdout
    assert len(swept.records("begins", stage="train")) == trained
    assert len(swept.records("begins", stage="evaluate")) == measured + 1


def write(seed: int) -> Trial:
    made = Trial(sweep="small", number=0, seed=seed, dataset="doll", system="one", stages=["train"])
    made.write()
    return made


def test_the_first_seed_is_the_least_number(inside: SweepWorkspace) -> None:
    write(10)
    first = write(9)
    assert find("small", 0) == first


def test_a_trial_that_is_half_written_keeps_no_other_from_coming_back(
    inside: SweepWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, half = write(1), write(2).folder / "trial.json"
    half.write_text(half.read_text()[:40])
    assert find("small", 0) == whole
    assert capsys.readouterr().err.startswith(f"skipped: {half} cannot be read; ")
    with pytest.raises(SweepError, match=r"no trial 0 with seed 2 here; there are: trial-0000-seed-1$"):
        find("small", 0, seed=2)


def test_a_trial_is_written_whole_or_not_at_all(inside: SweepWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write(1)

    def die(path: Path, text: str, encoding: str) -> None:
        path.write_bytes(text[:40].encode(encoding))
        raise KeyboardInterrupt("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", die)
        with pytest.raises(KeyboardInterrupt, match="power cut"):
            write(1)
    assert find("small", 0) == whole


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
def test_a_trial_knows_all_that_its_stages_read(inside: SweepWorkspace) -> None:
    options = Sweep.model_validate({"name": "small", "objectives": {"FD": "minimize"}, "space": {RATE: [0.2]}})
    builder = TrialBuilder(options, Space.load(options, Path()), Path())
    made = builder.build(0, {"dataset": "doll", "system": "one", RATE: 0.2}, seed=0)
    assert made.params == {
        "datasets.doll": {"size": 8},
        "systems.one": {"width": 1},
        "train": {"rate": 0.1, "how": "works", "steps": 3},
    }
    assert {path for stage in dag.read() for path in stage.params} >= set(made.params)
