"""A training that is judged: what is measured when, which step is the best, and where it ends."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from smis.core.errors import ParamsError
from smis.core.history import HistoryLogger
from smis.training.checkpoints import CheckpointManager, ScoredStep
from smis.training.loop import train
from smis.training.validation import Validation, ValidationConfig

SECTION = {"every": 2, "patience": 2}


class Course:
    """Measures what it was told to, and keeps what the networks were like meanwhile."""

    def __init__(self, *distances: float) -> None:
        self.left: Iterator[float] = iter(distances)
        self.trainer: Any = None
        self.training: list[bool] = []

    def __call__(self) -> Mapping[Any, float]:
        generator = self.trainer.system.generator
        self.training.append(generator.training)
        generator(torch.zeros(1, 8, 8, dtype=torch.long), torch.randn(1, 4))
        return {"fd": float(next(self.left)), "lpips": 0.5}


def run(toy: ModuleType, folder: Path, course: Course, section: Mapping[str, Any], steps: int = 20) -> Any:
    """Train from what lies in the folder."""
    config = toy.config_of(steps, log_every=steps, save_every=steps)
    checkpoints = CheckpointManager(folder / "states", config.model_dump())
    trainer = course.trainer = toy.trainer_of(config)
    state = checkpoints.load_newest()
    if state is not None:
        trainer.load_state_dict(state)
    validation = Validation(ValidationConfig.model_validate(section), course, best=checkpoints.best_step)
    logger = HistoryLogger(folder / "history.jsonl", after=trainer.step)
    more = {"log_sample_grid": lambda step: None, "validation": validation}
    train(trainer, toy.Data(toy.DistributedContext()), seed=0, checkpoints=checkpoints, logger=logger, **more)
    return trainer


def test_it_measures_every_so_often_and_after_the_last_step_and_both_values_are_curves(
    toy: ModuleType, tmp_path: Path
) -> None:
    run(toy, tmp_path, Course(4, 3, 2), {"every": 2}, steps=5)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [(row["step"], row["validation_fd"], row["validation_lpips"]) for row in rows] == [
        (2, 4, 0.5),
        (4, 3, 0.5),
        (5, 2, 0.5),
    ]


def test_it_ends_where_so_many_measurements_in_a_row_were_no_better(
    toy: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = run(toy, tmp_path, Course(4, 2, 3, 2), SECTION)
    assert trainer.step == 8
    assert "8/20 steps in " in (told := capsys.readouterr().err)
    assert "stopped early: no validation was better than step 4" in told


def test_a_run_that_had_ended_so_goes_on_by_no_step(toy: ModuleType, tmp_path: Path) -> None:
    run(toy, tmp_path, Course(4, 2, 3, 2), SECTION)
    assert run(toy, tmp_path, Course(), SECTION).step == 8


def test_the_best_of_a_resumed_run_may_lie_before_the_resume(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(StopIteration):  # stands for a kill at the third measurement
        run(toy, tmp_path, Course(4, 2), SECTION)
    assert run(toy, tmp_path, Course(3, 3), SECTION).step == 8
    best = CheckpointManager(tmp_path / "states", toy.config_of(20, log_every=20, save_every=20).model_dump())
    assert best.best_step == ScoredStep(4, 2)
    state = best.load_best()
    assert state is not None
    assert state["step"] == 4


def test_by_diversity_the_highest_is_the_best() -> None:
    config = ValidationConfig.model_validate({"every": 1, "by": "lpips"})
    assert config.score({"fd": 1.0, "lpips": 0.3}) < config.score({"fd": 1.0, "lpips": 0.2})


def test_it_measures_the_average_in_eval_mode_and_moves_no_weight(toy: ModuleType, tmp_path: Path) -> None:
    course = Course(3, 2, 1)
    judged = run(toy, tmp_path / "judged", course, {"every": 2}, steps=5)
    assert course.training == [False] * 3
    alone = run(toy, tmp_path / "alone", Course(), {}, steps=5)
    torch.testing.assert_close(judged.state_dict(), alone.state_dict(), rtol=0, atol=0)


def test_to_publish_the_best_of_no_measurements_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"publish: best and patience need measurements; set validation\.every"):
        ValidationConfig.check({"publish": "best"}, source="params.yaml", at="validation")
