"""Validation during training: measure at intervals, remember the best step, stop early."""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import PositiveInt, model_validator

from smis.core.config import Config
from smis.training.checkpoints import ScoredStep

Criterion = Literal["fd", "lpips"]
Measure = Callable[[], Mapping[Criterion, float]]
"""Measures the networks as they are; returns the same numbers in every process."""


class ValidationConfig(Config):
    """When to validate, and what follows from it."""

    every: PositiveInt | None = None
    """Steps between validations; null never validates."""
    by: Criterion = "fd"
    """The criterion of the best step: the lowest Fréchet distance to real images, or the highest diversity."""
    publish: Literal["last", "best"] = "last"
    """The step whose weights are exported."""
    patience: PositiveInt | None = None
    """Validations without improvement after which training stops early; null trains all steps."""

    @model_validator(mode="after")
    def _has_measurements(self) -> "ValidationConfig":
        if self.every is None and (self.publish == "best" or self.patience):
            raise ValueError("publish: best and patience need measurements; set validation.every")
        return self

    def score(self, metrics: Mapping[Criterion, float]) -> float:
        """Return the score of a step; lower is better."""
        return -metrics["lpips"] if self.by == "lpips" else metrics["fd"]


class Validation:
    """Validates at intervals and keeps the best step.

    Args:
        config: The interval, the criterion and the patience; the default never validates.
        measure: Computes the metrics.
        best: The best step of the run that is resumed.

    Example:
        >>> distances = iter([9.0, 5.0, 6.0])
        >>> validation = Validation(ValidationConfig(every=10, patience=1), lambda: {"fd": next(distances)})
        >>> [validation.validate(step)[0] for step in (10, 20, 30)], validation.best
        ([9.0, 5.0, 6.0], 'step 20')
        >>> validation.should_stop_early(30)
        True
    """

    def __init__(
        self, config: ValidationConfig | None = None, measure: Measure = dict, *, best: ScoredStep | None = None
    ) -> None:
        self._config, self._measure, self._best = config or ValidationConfig(), measure, best

    @property
    def best(self) -> str:
        """The best step so far, for messages."""
        return f"step {self._best.step}" if self._best else "the first"

    def is_due(self, step: int, *, last: int) -> bool:
        """Return whether to validate after this step: every `every` steps, and after the last."""
        return self._config.every is not None and (step % self._config.every == 0 or step == last)

    def validate(self, step: int) -> tuple[float, dict[str, float]]:
        """Measure, and return the score and the metrics by their names in history.jsonl."""
        metrics = self._measure()
        score = self._config.score(metrics)
        if self._best is None or score < self._best.score:
            self._best = ScoredStep(step, score)
        return score, {f"validation_{name}": value for name, value in metrics.items()}

    def should_stop_early(self, step: int) -> bool:
        """Return whether `patience` validations up to this step were no better than the best."""
        if self._best is None or self._config.patience is None or self._config.every is None:
            return False
        return step - self._best.step >= self._config.patience * self._config.every
