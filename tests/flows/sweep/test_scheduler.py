"""Which training comes next, with a real Optuna study and trainings that end when told."""

from typing import Any, cast

import pytest
from optuna.trial import TrialState

from flows.exceptions import SweepError
from flows.sweep import Dimension, Sweep, summary
from flows.sweep import scheduler as schedulers
from flows.sweep.job import Job
from flows.sweep.scheduler import TrialScheduler
from flows.sweep.space import Space
from flows.sweep.study import Study
from flows.sweep.trial import Trial, TrialResult
from tests.flows.sweeps import RATE

RANGE = Dimension(path=RATE, low=0.0, high=1.0)
GRID = Dimension(path=RATE, choices=[0.1, 0.2, 0.3])
pytestmark = pytest.mark.usefixtures("inside")


class Small:
    """A sweep whose trainings are over at once."""

    def __init__(self, dimension: Dimension = GRID, **said: Any) -> None:
        values = {"name": "small", "objectives": {"FD": "minimize"}, "sampler": "grid", "space": [dimension]}
        self.sweep = Sweep.model_validate(values | said)
        self.study = Study(self.sweep, Space(["one"], ["doll"], self.sweep.space))
        self.said: list[str] = []
        self.scheduler = TrialScheduler(self.sweep, self.study, seed=0, say=self.said.append)

    def job(self, trial_seed: tuple[int, int]) -> Job:
        number, seed = trial_seed
        trial = Trial(sweep="small", number=number, seed=seed, dataset="doll", system="one", stages=["train"])
        return Job(trial, lambda *_, **__: TrialResult({}, 0.0))

    def end(self, trial_seed: tuple[int, int], **values: float | None) -> None:
        job = self.job(trial_seed)
        job.measured = TrialResult(cast("dict[str, float]", values), 1.0) if values else None
        job.why = "it broke"
        self.scheduler.ended(job)

    def unfit(self, trial_seed: tuple[int, int], why: str) -> None:
        job = self.job(trial_seed)
        job.unfit, job.why = True, why
        self.scheduler.ended(job)

    def run(self, limit: int = 1000) -> None:
        """Measure FD = (rate - 0.7)² + seed / 100, mCSD = rate."""
        while limit and (trial_seed := self.scheduler.next()) is not None:
            rate = float(str(self.study.setting(trial_seed[0])[RATE]))
            self.end(trial_seed, FD=(rate - 0.7) ** 2 + trial_seed[1] / 100, mCSD=rate)
            limit -= 1

    def states(self) -> list[TrialState]:
        return [trial.state for trial in self.study.trials]


def test_tpe_finds_the_place_where_the_objective_is_best() -> None:
    small = Small(RANGE, sampler="tpe", trials=25)
    small.run()
    assert len(small.states()) == 25
    assert abs(small.study.recorded.best_params[RATE] - 0.7) < 0.1


def test_two_objectives_have_a_pareto_front() -> None:
    small = Small(GRID, objectives={"FD": "minimize", "mCSD": "minimize"})
    small.run()
    assert {trial.params[RATE] for trial in summary.best_of(small.study.recorded)} == {0.1, 0.2, 0.3}
    page = summary.markdown(small.sweep, small.study.recorded)
    assert "| **2** | 0.3 | 0.16 | 0.3 |" in page
    assert "Pareto front (bold)" in page


def test_seeds_give_a_mean_and_a_standard_deviation() -> None:
    small = Small(GRID, seeds=3)
    small.run()
    row = summary.row(small.study.trials[0])
    assert row["seeds"] == [0, 1, 2]
    assert row["metrics"]["FD"] == pytest.approx((0.37, 0.01))
    assert small.study.trials[0].value == pytest.approx(0.37)
    assert "| 0.37 ± 0.01 |" in summary.markdown(small.sweep, small.study.recorded)


def test_what_mattered_is_told() -> None:
    small = Small(RANGE, sampler="random", trials=12)
    small.run()
    assert "| train.rate | 100 % |" in summary.markdown(small.sweep, small.study.recorded)


def test_a_dead_sweeps_trials_are_taken_up_again_with_their_numbers_and_seeds() -> None:
    dead = Small(GRID, seeds=2)
    first, second = dead.scheduler.next(), dead.scheduler.next()
    assert first == (0, 0)
    assert second == (0, 1)
    dead.end((0, 0), FD=1.0)
    again = Small(GRID, seeds=2)
    assert [again.scheduler.next() for _ in range(5)] == [(0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert again.scheduler.next() is None


def test_random_settings_are_not_drawn_again_when_a_sweep_goes_on() -> None:
    Small(RANGE, sampler="random", trials=3).run()
    Small(RANGE, sampler="random", trials=6).run()
    study = Small(RANGE, sampler="random", trials=6).study
    assert len({trial.params[RATE] for trial in study.trials}) == 6


def test_a_failed_training_is_repeated_then_its_trial_is_given_up() -> None:
    small = Small(GRID, retries=1, seeds=2)
    trial_seed = small.scheduler.next()
    assert trial_seed is not None
    small.end(trial_seed)
    assert small.states()[0] == TrialState.RUNNING
    small.end(trial_seed)
    assert small.states()[0] == TrialState.FAIL
    assert small.said[-1] == "trial 0 failed: it broke"
    assert small.scheduler.next() == (1, 0)


class Clock:
    """Time that passes when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(schedulers, "time", self)

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_machine_that_cannot_run_a_training_uses_up_none_of_its_tries(clock: Clock) -> None:
    small = Small(GRID, retries=0, executor="pool")
    for _ in range(5):
        assert small.scheduler.next() == (0, 0)
        small.unfit((0, 0), "left has other code")
        clock.now += 60
    assert (small.scheduler.next(), small.scheduler.next()) == ((0, 0), (1, 0))
    small.unfit((0, 0), "right has other code")
    assert small.said == [
        f"trial 0 with seed 0 waits for another machine: {one} has other code" for one in ("left", "right")
    ]


def test_a_training_that_no_machine_can_run_fails_after_a_while(clock: Clock) -> None:
    small = Small(GRID, retries=5, executor="pool")
    assert small.scheduler.next() == (0, 0)
    small.unfit((0, 0), "left has other code")
    clock.now += schedulers.UNFIT_S + 1
    assert small.scheduler.next() == (0, 0)
    small.unfit((0, 0), "left has other code")
    assert small.said[-1] == "trial 0 failed: left has other code"
    assert small.states()[0] == TrialState.FAIL


def test_what_no_machine_can_run_fails_however_many_trainings_take_turns(clock: Clock) -> None:
    small = Small(Dimension(path=RATE, choices=[number / 100 for number in range(60)]), executor="pool")
    queue = [small.scheduler.next() for _ in range(60)]
    for trial_seed in queue:
        assert trial_seed is not None
        clock.now += 30
        small.scheduler.judge(trial_seed, [])
        small.unfit(trial_seed, "left has other code")
    assert small.states().count(TrialState.FAIL) == 60 - int(schedulers.UNFIT_S) // 30 - 1


def test_a_training_waits_for_the_fit_machine_as_long_as_that_is_at_work(clock: Clock) -> None:
    small = Small(GRID, executor="pool")
    assert (small.scheduler.next(), small.scheduler.next()) == ((0, 0), (1, 0))
    small.scheduler.judge((0, 0), [])
    for _ in range(5):
        small.unfit((1, 0), "left has other code")
        assert small.scheduler.next() == (1, 0)
        clock.now += schedulers.UNFIT_S / 2 + 1
    small.end((0, 0), FD=1.0)
    assert small.scheduler.next() == (2, 0)
    small.unfit((1, 0), "left has other code")
    assert small.states()[1] == TrialState.RUNNING


def test_a_training_that_asks_too_much_of_the_only_machine_fails_like_any_other() -> None:
    small = Small(GRID, retries=0, executor="local")
    assert small.scheduler.next() == (0, 0)
    small.unfit((0, 0), "4 GPUs are asked for")
    assert small.said == ["trial 0 failed: 4 GPUs are asked for"]


def test_failed_trials_have_another_chance_when_the_sweep_is_started_again() -> None:
    small = Small(GRID, retries=0)
    trial_seed = small.scheduler.next()
    assert trial_seed is not None
    small.end(trial_seed)
    small.run()
    again = Small(GRID, retries=0)
    again.run()
    assert again.states().count(TrialState.FAIL) == 1
    assert again.study.trials[-1].params == again.study.trials[0].params
    assert again.study.trials[-1].state == TrialState.COMPLETE


def test_a_metric_that_is_missing_fails_its_trial_with_those_that_there_are() -> None:
    small = Small(GRID)
    trial_seed = small.scheduler.next()
    assert trial_seed is not None
    small.end(trial_seed, mCSD=1.0)
    assert small.said == ["trial 0 failed: FD was not measured, or is no number; there are: mCSD"]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")], ids=["nothing", "nan", "inf"])
def test_an_objective_that_is_no_number_fails_its_trial_alone(value: float | None) -> None:
    small = Small(GRID)
    trial_seed = small.scheduler.next()
    assert trial_seed is not None
    small.end(trial_seed, FD=value)
    assert small.said == ["trial 0 failed: FD was not measured, or is no number; there are: none"]
    assert small.scheduler.next() == (1, 0)


def test_another_metric_that_is_no_number_is_left_out_of_the_summary() -> None:
    small = Small(GRID)
    trial_seed = small.scheduler.next()
    assert trial_seed is not None
    small.end(trial_seed, FD=1.0, extra=None)
    assert summary.row(small.study.trials[0])["metrics"] == {"FD": (1.0, None)}


def test_with_pruning_one_seed_goes_ahead_and_the_others_follow_only_if_it_is_good() -> None:
    small = Small(GRID, seeds=2, pruner={"startup_trials": 1})
    good, bad = small.scheduler.next(), small.scheduler.next()
    assert (good, bad) == ((0, 0), (1, 0))
    assert good is not None
    assert bad is not None
    assert not small.study.report(0, [(1, 1.0)])
    small.end(good, FD=1.0)
    assert small.scheduler.next() == (0, 1)
    small.end((0, 1), FD=1.0)
    assert small.study.report(1, [(1, 2.0)])
    job = small.job(bad)
    job.pruned = True
    small.scheduler.ended(job)
    assert small.states()[1] == TrialState.PRUNED
    assert small.scheduler.next() == (2, 0)


def test_a_name_that_means_another_sweep_is_refused() -> None:
    Small(GRID)
    with pytest.raises(
        SweepError, match=r"^sweep small was begun with other space; choose another name, or go on with"
    ):
        Small(RANGE)


def test_a_sweep_that_goes_on_with_other_parameters_is_refused_by_their_paths() -> None:
    sweep, space = Small().sweep, Space(["one"], ["doll"], [GRID])
    other = sweep.model_copy(update={"name": "other"})
    Study(other, space, {"train.steps": 99, "seed": 0})
    Study(other, space, {"train.steps": 99, "seed": 0})
    with pytest.raises(SweepError, match=r"other was begun with other train.steps; .* meant then: train.steps 99$"):
        Study(other, space, {"train.steps": 7, "seed": 0})


def test_two_studies_are_told_apart_whatever_their_names() -> None:
    sweep = Small().sweep
    again = Study(sweep, Space(["one"], ["doll"], sweep.space))
    other = Study(sweep.model_copy(update={"name": "other"}), Space(["one"], ["doll"], sweep.space))
    assert Small().study.id == again.id != other.id


def test_a_training_is_judged_by_the_curve_of_the_first_seed_alone() -> None:
    small = Small(GRID, sampler="grid", seeds=2, pruner={"metric": "validation_fd", "startup_trials": 1})
    judged: dict[Any, bool] = {}
    for value in (0.0, 9.0, 9.0):
        trial_seed = small.scheduler.next()
        assert trial_seed is not None
        judged[trial_seed] = bool(small.scheduler.judge(trial_seed, [(1, value), (2, value)]))
        small.end(trial_seed, FD=value)
    assert judged == {(0, 0): False, (0, 1): False, (1, 0): True}
    assert not small.scheduler.judge((1, 1), [(3, 9.0)])


def test_a_trial_that_is_finished_is_not_told_again() -> None:
    small = Small(GRID)
    trial_seed = small.scheduler.next()
    assert trial_seed is not None
    small.end(trial_seed, FD=1.0)
    small.end((trial_seed[0], 5), FD=2.0)
    assert small.states()[0] == TrialState.COMPLETE
    assert small.study.trials[0].value == 1.0
