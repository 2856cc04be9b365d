"""A sweep that goes on after its code was changed: it may, and says which trials are of the code before."""

from pathlib import Path

import pytest

from flows.sweep import Sweep, check, summary
from flows.sweep.plan import Plan
from flows.sweep.space import Space
from flows.sweep.study import Study, other_code
from flows.sweep.trial import TrialResult
from tests.flows.sweeps import RATE, SWEEP, SweepWorkspace

OLD, NEW = {"doll/one": "old"}, {"doll/one": "new"}


def opened(code: dict[str, str] | None, *, seeds: int = 1) -> Study:
    said = {"name": "a", "objectives": {"FD": "minimize"}, "sampler": "grid", "seeds": seeds}
    sweep = Sweep.model_validate(said | {"space": {RATE: [0.1, 0.2]}})
    return Study(sweep, Space(["one"], ["doll"], sweep.space), code=code)


def test_trials_of_other_code_are_marked_in_the_summary(inside: SweepWorkspace) -> None:
    before = opened(OLD)
    before.add(before.next() or 0, 0, TrialResult({"FD": 1.0}, 60.0))
    now = opened(NEW)
    now.add(now.next() or 0, 0, TrialResult({"FD": 2.0}, 60.0))
    assert other_code(now.recorded) == {0}
    page = summary.markdown(now._sweep, now.recorded)
    assert "| **0** | 0.1 | 1 | 1.0 | other code |" in page
    assert "| 1 | 0.2 | 2 | 1.0 |  |" in page
    assert summary.plain(now._sweep, now.recorded)["other_code"] == [0]
    assert other_code(opened(OLD).recorded) == {1}


def test_a_mean_over_seeds_of_old_and_new_code_is_of_other_code(inside: SweepWorkspace) -> None:
    before = opened(OLD, seeds=2)
    before.add(before.next() or 0, 0, TrialResult({"FD": 1.0}, 60.0))
    now = opened(NEW, seeds=2)
    now.add(now.next() or 0, 1, TrialResult({"FD": 2.0}, 60.0))
    assert other_code(now.recorded) == {0}


def test_of_trials_before_code_was_noted_nothing_is_said(inside: SweepWorkspace) -> None:
    before = opened(None)
    before.add(before.next() or 0, 0, TrialResult({"FD": 1.0}, 60.0))
    assert other_code(opened(NEW).recorded) == set()


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
def test_a_plan_tells_the_code_of_each_data_set_and_system_as_its_trials_have_it(inside: SweepWorkspace) -> None:
    asked = Sweep.model_validate({"name": "a", "objectives": {"FD": "minimize"}})
    plan = Plan(asked, check.space(asked, Path()), Path())
    trial = plan.trial(0, {"dataset": "doll", "system": "two"}, seed=0)
    assert plan.code.keys() == {"doll/one", "doll/two"}
    assert plan.code["doll/two"] == trial.digest


def test_a_sweep_that_goes_on_with_other_code_says_so_in_one_line(small: SweepWorkspace, server: str) -> None:
    first = small.run(SWEEP, "--space", small.write(space={RATE: [0.1]}, sampler="random"), "--trials", "1")
    assert first.returncode == 0, first.stderr
    (small.path / "tool.py").write_text((small.path / "tool.py").read_text() + "# changed\n")
    done = small.run(SWEEP, "--space", "small.yaml", "--trials", "2", PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in (done.stdout + done.stderr).splitlines() if "goes on with other code" in line]
    assert "sweep small goes on with other code than before, with which 1 of its trials ended; the summary" in told
