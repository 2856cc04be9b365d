"""Which training comes next, with a real Optuna study and trainings that end at once."""

from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import optuna
import pytest
from optuna.trial import TrialState

from flows.exceptions import SweepError
from flows.sweep import Dimension, Sweep, summary
from flows.sweep.scheduler import TrialBuilder, TrialScheduler
from flows.sweep.space import Space
from flows.sweep.study import Study, open_storage
from flows.sweep.trial import Trial, TrialJob, TrialResult
from tests.flows.sweeps import RATE

RANGE = Dimension(path=RATE, low=0.0, high=1.0)
GRID = Dimension(path=RATE, choices=[0.1, 0.2, 0.3])
pytestmark = pytest.mark.usefixtures("inside")


class Small:
    """A sweep whose trainings are over at once."""

    def __init__(self, dimension: Dimension = GRID, **options: Any) -> None:
        values = {"name": "small", "objectives": {"FD": "minimize"}, "sampler": "grid", "space": [dimension]}
        self.sweep = Sweep.model_validate(values | options)
        self.study = Study(self.sweep, Space(["one"], ["doll"], self.sweep.space))
        self.messages: list[str] = []
        builder = cast("TrialBuilder", SimpleNamespace(seeds=list(range(self.sweep.seeds)), build=self.build))
        self.scheduler = TrialScheduler(self.sweep, self.study, builder, log=self.messages.append)

    def build(self, number: int, setting: object = None, *, seed: int) -> Trial:
        return Trial(sweep="small", number=number, seed=seed, dataset="doll", system="one", stages=["train"])

    def next(self) -> tuple[int, int] | None:
        trial = self.scheduler.next()
        return trial and (trial.number, trial.seed)

    def job(self, trial_seed: tuple[int, int]) -> TrialJob:
        return TrialJob(self.build(trial_seed[0], seed=trial_seed[1]), Mock())

    def end(self, trial_seed: tuple[int, int], **values: float | None) -> None:
        job = self.job(trial_seed)
        job.result = TrialResult(cast("dict[str, float]", values), 1.0) if values else None
        job.reason = "it broke"
        self.scheduler.finish(job)

    def run(self, limit: int = 1000) -> None:
        """Measure FD = (rate - 0.7)² + seed / 100, mCSD = rate."""
        while limit and (trial_seed := self.next()) is not None:
            rate = float(str(self.study.setting(trial_seed[0])[RATE]))
            self.end(trial_seed, FD=(rate - 0.7) ** 2 + trial_seed[1] / 100, mCSD=rate)
            limit -= 1

    def page(self) -> str:
        return summary.markdown(self.sweep, summary.to_dict(self.sweep, self.study.snapshot()))

    def states(self) -> list[TrialState]:
        return [trial.state for trial in self.study.trials]


def test_tpe_finds_the_place_where_the_objective_is_best() -> None:
    small = Small(RANGE, sampler="tpe", trials=25)
    small.run()
    assert len(small.states()) == 25
    assert abs(small.study.snapshot().best_params[RATE] - 0.7) < 0.1


def test_two_objectives_have_a_pareto_front() -> None:
    small = Small(GRID, objectives={"FD": "minimize", "mCSD": "minimize"})
    small.run()
    assert {trial.params[RATE] for trial in small.study.snapshot().best_trials} == {0.1, 0.2, 0.3}
    page = small.page()
    assert "| **2** | 0.3 | 0.16 | 0.3 |" in page
    assert "Pareto front (bold)" in page


def test_seeds_give_a_mean_and_a_standard_deviation() -> None:
    small = Small(GRID, seeds=3)
    small.run()
    row = summary.row(small.study.trials[0])
    assert row["seeds"] == [0, 1, 2]
    assert row["metrics"]["FD"] == pytest.approx((0.37, 0.01))
    assert small.study.trials[0].value == pytest.approx(0.37)
    assert "| 0.37 ± 0.01 |" in small.page()


def test_what_mattered_is_told() -> None:
    small = Small(RANGE, sampler="random", trials=12)
    small.run()
    assert "| train.rate | 100 % |" in small.page()


def test_a_dead_sweeps_trials_are_taken_up_again_with_their_numbers_and_seeds() -> None:
    dead = Small(GRID, seeds=2)
    first, second = dead.next(), dead.next()
    assert first == (0, 0)
    assert second == (0, 1)
    dead.end((0, 0), FD=1.0)
    again = Small(GRID, seeds=2)
    assert [again.next() for _ in range(5)] == [(0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert again.next() is None


def test_a_trial_is_complete_though_its_sweep_was_killed_after_its_last_result(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Small(GRID)
    assert killed.next() == (0, 0)
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            killed.end((0, 0), FD=1.0)
    again = Small(GRID)
    assert again.next() == (1, 0)
    assert again.states()[0] == TrialState.COMPLETE
    assert again.study.trials[0].value == 1.0


def test_random_settings_are_not_drawn_again_when_a_sweep_goes_on() -> None:
    Small(RANGE, sampler="random", trials=3).run()
    Small(RANGE, sampler="random", trials=6).run()
    study = Small(RANGE, sampler="random", trials=6).study
    assert len({trial.params[RATE] for trial in study.trials}) == 6


def test_a_failed_training_is_repeated_then_its_trial_is_given_up() -> None:
    small = Small(GRID, retries=1, seeds=2)
    trial_seed = small.next()
    assert trial_seed is not None
    small.end(trial_seed)
    assert small.states()[0] == TrialState.RUNNING
    small.end(trial_seed)
    assert small.states()[0] == TrialState.FAIL
    assert small.messages[-1] == "trial 0 failed: it broke"
    assert small.next() == (1, 0)


def test_failed_trials_have_another_chance_when_the_sweep_is_started_again() -> None:
    small = Small(GRID, retries=0)
    trial_seed = small.next()
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
    trial_seed = small.next()
    assert trial_seed is not None
    small.end(trial_seed, mCSD=1.0)
    assert small.messages == ["trial 0 failed: FD was not measured, or is not finite; there are: mCSD"]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")], ids=["nothing", "nan", "inf"])
def test_an_objective_that_is_no_number_fails_its_trial_alone(value: float | None) -> None:
    small = Small(GRID)
    trial_seed = small.next()
    assert trial_seed is not None
    small.end(trial_seed, FD=value)
    assert small.messages == ["trial 0 failed: FD was not measured, or is not finite; there are: none"]
    assert small.next() == (1, 0)


def test_another_metric_that_is_no_number_is_left_out_of_the_summary() -> None:
    small = Small(GRID)
    trial_seed = small.next()
    assert trial_seed is not None
    small.end(trial_seed, FD=1.0, extra=None)
    assert summary.row(small.study.trials[0])["metrics"] == {"FD": (1.0, None)}


def test_with_pruning_one_seed_goes_ahead_and_the_others_follow_only_if_it_is_good() -> None:
    small = Small(GRID, seeds=2, pruner={"startup_trials": 1})
    good, bad = small.next(), small.next()
    assert (good, bad) == ((0, 0), (1, 0))
    assert good is not None
    assert bad is not None
    assert not small.study.report(0, [(1, 1.0)])
    small.end(good, FD=1.0)
    assert small.next() == (0, 1)
    small.end((0, 1), FD=1.0)
    assert small.study.report(1, [(1, 2.0)])
    job = small.job(bad)
    job.pruned = True
    small.scheduler.finish(job)
    assert small.states()[1] == TrialState.PRUNED
    assert small.next() == (2, 0)


def test_a_name_that_means_another_sweep_is_refused() -> None:
    Small(GRID)
    with pytest.raises(
        SweepError, match=r"^sweep small was started with other space; choose another name, or go back to"
    ):
        Small(RANGE)


def test_a_sweep_that_goes_on_with_other_parameters_is_refused_by_their_paths() -> None:
    sweep, space = Small().sweep, Space(["one"], ["doll"], [GRID])
    other = sweep.model_copy(update={"name": "other"})
    Study(other, space, {"train.steps": 99, "seed": 0})
    Study(other, space, {"train.steps": 99, "seed": 0})
    with pytest.raises(SweepError, match=r"other was started with other train.steps; .* then: train.steps 99$"):
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
        trial_seed = small.next()
        assert trial_seed is not None
        judged[trial_seed] = small.scheduler.should_prune(small.job(trial_seed).trial, [(1, value), (2, value)])
        small.end(trial_seed, FD=value)
    assert judged == {(0, 0): False, (0, 1): False, (1, 0): True}
    assert not small.scheduler.should_prune(small.job((1, 1)).trial, [(3, 9.0)])


def test_a_trial_that_is_finished_is_not_told_again() -> None:
    small = Small(GRID)
    trial_seed = small.next()
    assert trial_seed is not None
    small.end(trial_seed, FD=1.0)
    small.end((trial_seed[0], 5), FD=2.0)
    small.study.fail(trial_seed[0], "its answer was lost")
    assert small.states()[0] == TrialState.COMPLETE
    assert small.study.trials[0].value == 1.0


def test_a_sweep_that_goes_on_with_other_code_is_refused_by_its_systems() -> None:
    sweep, space = Small().sweep, Space(["one", "two"], ["doll"], [GRID])
    other = sweep.model_copy(update={"name": "other"})
    Study(other, space, {"code": {"doll/one": "1", "doll/two": "2"}})
    with pytest.raises(SweepError, match=r"^sweep other was started with other code for doll/two, .* another name"):
        Study(other, space, {"code": {"doll/one": "1", "doll/two": "3"}})


def test_a_trial_that_was_made_before_the_answer_was_lost_is_run() -> None:
    small = Small(GRID)
    optuna.load_study(study_name="small", storage=open_storage()).ask()
    assert [small.study.next() for _ in range(4)] == [0, 1, 2, None]
