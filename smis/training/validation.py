"""A training judged while it goes on: measured at intervals, its best step remembered, ended where nothing improves."""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import PositiveInt, model_validator

from smis.core.config import Config
from smis.training.states import Scored

Criterion = Literal["fd", "lpips"]
Measure = Callable[[], Mapping[Criterion, float]]
"""Measures the networks as they are now; every process gets the same numbers."""


class ValidationConfig(Config):
    """When to measure, and what follows from it."""

    every: PositiveInt | None = None
    """Steps between two measurements; null measures never."""
    by: Criterion = "fd"
    """What decides which step is the best: the lowest distance to real images, or the highest diversity."""
    publish: Literal["last", "best"] = "last"
    """Whose weights become the checkpoint."""
    patience: PositiveInt | None = None
    """Training ends after so many measurements in a row that were no better than the best; null waits for all steps."""

    @model_validator(mode="after")
    def _something_is_measured(self) -> "ValidationConfig":
        if self.every is None and (self.publish == "best" or self.patience):
            raise ValueError("publish: best and patience need measurements; set validation.every")
        return self

    def score(self, found: Mapping[Criterion, float]) -> float:
        """Return what is lower where a step is better."""
        return -found["lpips"] if self.by == "lpips" else found["fd"]


class Validation:
    """Measures at intervals, and knows the best step so far: `best` is that of the run that this one goes on from."""

    def __init__(self, config: ValidationConfig, measure: Measure, *, best: Scored | None = None) -> None:
        self._config, self._measure, self._best = config, measure, best

    @property
    def best(self) -> str:
        """Name the best step so far in words."""
        return f"step {self._best.step}" if self._best else "the first"

    def due(self, step: int, *, last: int) -> bool:
        """Say whether this step is measured: one in `every`, and the last."""
        return self._config.every is not None and (step % self._config.every == 0 or step == last)

    def measured(self, step: int) -> tuple[float, dict[str, float]]:
        """Measure; return the score, and the values by the names of their curves."""
        found = self._measure()
        score = self._config.score(found)
        if self._best is None or score < self._best.score:
            self._best = Scored(step, score)
        return score, {f"validation_{name}": value for name, value in found.items()}

    def gives_up(self, step: int) -> bool:
        """Say whether waiting for something better than the best has lasted long enough after this step."""
        if self._best is None or self._config.patience is None or self._config.every is None:
            return False
        return step - self._best.step >= self._config.patience * self._config.every


def unjudged() -> Validation:
    """Return what judges nothing."""
    return Validation(ValidationConfig(), dict)
