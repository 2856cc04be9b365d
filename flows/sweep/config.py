"""The options of a sweep: Prefect's form, a YAML file and Python all read these models.

JSON Schema, from which Prefect's server checks its form, cannot compare two values; the validators below can. What
both know (choices or a range, one objective with pruning) is said in both.
"""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from flows.dag import Dataset, System

RENAMED = {
    "strategy": "sampler",
    "side_by_side": "max_concurrent",
    "where": "executor (local or pool)",
    "lost_after_s": "heartbeat_timeout_s",
    "prune": "pruner",
    "curve": "metric",
    "rule": "method (median or successive_halving)",
    "trials_first": "startup_trials",
    "steps_first": "warmup_steps",
}
"""Options of a sweep and its pruner under the names that they had before; can be removed in December 2027."""

Schema = dict[str, Any]
Direction = Literal["minimize", "maximize"]
SweepName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=50)]


def _parse_number(value: Any) -> Any:
    """Read a number given as text: YAML reads 1e-4 as text, and in a form it may stand in quotes."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value
    return parsed if isinstance(parsed, bool | int | float) else value


def _plain_number(schema: Schema) -> None:
    """Show an optional number as one field, not as a choice between "float" and "None"."""
    del schema["anyOf"], schema["default"]
    schema["type"] = "number"


def _if_set(field: str, to: Schema, then: Schema) -> Schema:
    return {"if": {"required": [field], "properties": {field: to}}, "then": {"properties": then}}


class _Options(BaseModel, frozen=True, extra="forbid"):
    @model_validator(mode="before")
    @classmethod
    def _refuse_old_names(cls, values: Any) -> Any:
        old = [name for name in values if name in RENAMED] if isinstance(values, Mapping) else []
        if old:
            raise ValueError("; ".join(f"{name} is now called {RENAMED[name]}" for name in old))
        return values


_ENDS = ("low", "high")
_IS_TRUE: Schema = {"const": True}
_CHOICES_OR_RANGE: Schema = _if_set("choices", {"minItems": 1}, {end: {"type": "null"} for end in _ENDS}) | {
    "else": {"required": list(_ENDS), "properties": {end: {"type": "number"} for end in _ENDS}},
    "dependentSchemas": {
        "log": _if_set("log", _IS_TRUE, {"low": {"exclusiveMinimum": 0}}),
        "integer": _if_set("integer", _IS_TRUE, {end: {"type": ["integer", "null"]} for end in _ENDS}),
    },
}
_ONE_OBJECTIVE_IF_PRUNING: Schema = _if_set("pruner", {"type": "object"}, {"objectives": {"maxItems": 1}})
_ONCE_EACH: Schema = {"uniqueItems": True}

_End = Annotated[float | None, Field(allow_inf_nan=False, json_schema_extra=_plain_number)]
_Scalar = Annotated[str | bool | int | float, BeforeValidator(_parse_number)]
Choice = _Scalar | list[_Scalar] | None
"""A value of a parameter in params.yaml: a scalar, a list of scalars, or null."""


class Dimension(_Options, frozen=True, json_schema_extra=_CHOICES_OR_RANGE):
    """One parameter that the sweep varies: a list of choices or a range."""

    path: str = Field(
        title="Parameter",
        description="Its path in params.yaml, such as train.lr_generator or systems.inade.width. "
        "A parameter of one system or data set applies to the trials of that one only.",
        pattern=r"^[A-Za-z_]\w*(\.[\w-]+)*$",
    )
    choices: list[Choice] = Field(
        default=[],
        title="Choices",
        description='The values to choose from: numbers, true, false, null, "text" in quotes, or lists of them, '
        "such as [0.5, 0.999]. Leave empty for a range.",
    )
    low: _End = Field(
        default=None, title="Lowest", description="The lower end of the range, included. Leave empty with choices."
    )
    high: _End = Field(
        default=None, title="Highest", description="The upper end of the range, included. Leave empty with choices."
    )
    log: bool = Field(default=False, title="Logarithmic", description="Sample the range on a logarithmic scale.")
    integer: bool = Field(default=False, title="Whole numbers", description="Sample whole numbers of the range only.")
    points: int = Field(
        default=3,
        ge=2,
        le=1000,
        title="Points",
        description="How many values of the range the grid sampler tries, ends included.",
    )

    @model_validator(mode="after")
    def _has_choices_or_range(self) -> "Dimension":
        if self.choices and (self.low, self.high) != (None, None):
            raise ValueError(f"{self.path} has choices and a range; it can have one of them")
        if not self.choices and (self.low is None or self.high is None):
            raise ValueError(f"{self.path} has neither choices nor both ends of a range")
        scalars = [value for choice in self.choices for value in (choice if isinstance(choice, list) else [choice])]
        if infinite := [value for value in scalars if isinstance(value, float) and not math.isfinite(value)]:
            raise ValueError(f"{self.path} has {infinite[0]} among its choices; a number must be finite")
        if self.low is not None and self.high is not None:
            _check_range(self.path, self.low, self.high, log=self.log, integer=self.integer)
        return self


class SweepObjective(_Options, frozen=True):
    """A metric, and whether low or high values are better."""

    metric: str = Field(
        title="Metric",
        description="A name in metrics/DATASET/SYSTEM/seed-0.json, such as fd_stlpips_vgg (distance to real images), "
        "mCSD (class-specific diversity) or mIoU (faithfulness to the label map).",
        min_length=1,
    )
    direction: Direction = Field(
        title="Better is", description="minimize: low values are better. maximize: high values are better."
    )


class Pruner(_Options, frozen=True):
    """When to stop a trial early because it trains worse than the others."""

    metric: str = Field(
        default="validation_fd",
        title="Metric",
        description="The value in history.jsonl by which running trials are compared; "
        "validation_fd needs validation.every in params.yaml.",
    )
    direction: Direction = Field(
        default="minimize", title="Better is", description="minimize: low values are better. maximize: high values."
    )
    method: Literal["median", "successive_halving"] = Field(
        default="median",
        title="Method",
        description="median: stop if worse than the median at this step. successive_halving: keep the best quarter.",
    )
    startup_trials: int = Field(
        default=4, ge=1, le=1000, title="Startup trials", description="Trials that finish before the median prunes."
    )
    warmup_steps: int = Field(
        default=0, ge=0, title="Warmup steps", description="Training steps of a trial before the median may prune it."
    )


class Sweep(_Options, frozen=True, json_schema_extra=_ONE_OBJECTIVE_IF_PRUNING):
    """What to search, how to choose the next trial, and which metrics decide."""

    name: SweepName = Field(
        title="Name",
        description="Lower case letters, digits and hyphens. The same name again resumes a sweep that was stopped.",
    )
    objectives: list[SweepObjective] = Field(
        min_length=1,
        max_length=5,
        title="Objectives",
        description="The metrics to optimize. With more than one, the result is a Pareto front.",
    )
    space: list[Dimension] = Field(
        default=[],
        title="Space",
        description="The parameters to vary. Leave empty to vary systems, data sets and seeds only.",
    )
    systems: list[System] = Field(
        default=[],
        title="Systems",
        json_schema_extra=_ONCE_EACH,
        description="Each trial has one of them, such as groupdnet. Empty: those of axes.system in params.yaml.",
    )
    datasets: list[Dataset] = Field(
        default=[],
        title="Data sets",
        json_schema_extra=_ONCE_EACH,
        description="Each trial has one of them, such as paperdoll. Empty: those of axes.dataset in params.yaml.",
    )
    sampler: Literal["tpe", "random", "grid"] = Field(
        default="tpe",
        title="Sampler",
        description="tpe: Optuna's TPE, learns from finished trials. random: independent. grid: all combinations.",
    )
    trials: int = Field(
        default=20,
        ge=1,
        le=100_000,
        title="Trials",
        description="How many settings to try; the grid sampler tries all combinations.",
    )
    seeds: int = Field(
        default=1,
        ge=1,
        le=100,
        title="Seeds",
        description="How often each setting is trained, with the seeds of axes.seed in params.yaml, then with those "
        "after its largest; the mean over seeds counts.",
    )
    max_concurrent: int = Field(
        default=2, ge=1, le=1000, title="Maximum concurrent", description="How many trainings may run at the same time."
    )
    gpus: int = Field(
        default=1,
        ge=1,
        le=64,
        title="GPUs for each training",
        description="On a machine without GPUs: the number of processes for each training.",
    )
    retries: int = Field(
        default=1, ge=0, le=10, title="Retries", description="How often a training that failed or was lost is retried."
    )
    pruner: Pruner | None = Field(
        default=None,
        title="Pruner",
        description="Whether to stop trials early that train worse than others; for a single objective only.",
    )
    executor: Literal["local", "pool"] = Field(
        default="local",
        title="Executor",
        description="local: the machine that runs the sweep. pool: machines that run `python -m flows.worker`.",
    )
    heartbeat_timeout_s: int = Field(
        default=90,
        ge=15,
        le=86_400,
        title="Heartbeat timeout (seconds)",
        description="Seconds without a heartbeat after which a trial is retried on another machine.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_mappings(cls, values: Any) -> Any:
        """Accept `{path: {...}}` and `{metric: direction}` too, which are shorter to write in YAML."""
        if not isinstance(values, Mapping):
            return values
        values = dict(values)
        if isinstance(space := values.get("space"), Mapping):
            values["space"] = [_dimension(path, options) for path, options in space.items()]
        if isinstance(objectives := values.get("objectives"), Mapping):
            values["objectives"] = [{"metric": metric, "direction": way} for metric, way in objectives.items()]
        return values

    @model_validator(mode="after")
    def _is_consistent(self) -> "Sweep":
        if self.pruner and len(self.objectives) > 1:
            raise ValueError("a sweep with more than one objective cannot prune; remove pruner, or keep one objective")
        for field, names in {
            "space": [dimension.path for dimension in self.space],
            "objectives": [objective.metric for objective in self.objectives],
            "systems": self.systems,
            "datasets": self.datasets,
        }.items():
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{field} names {', '.join(twice)} twice; once is enough")
        return self


def _check_range(path: str, low: float, high: float, *, log: bool, integer: bool) -> None:
    if low >= high:
        raise ValueError(f"{path} goes from {low:g} to {high:g}; the first must be less than the second")
    if log and low <= 0:
        raise ValueError(f"{path} begins at {low:g}, but a logarithmic range must begin above 0")
    if integer and (low != int(low) or high != int(high)):
        raise ValueError(f"{path} has whole numbers only, but goes from {low:g} to {high:g}")


def _dimension(path: Any, options: Any) -> Any:
    if isinstance(options, list):
        return {"path": path, "choices": options}
    if options is None:  # `path:` with nothing after it; null as a value is written [null]
        return {"path": path}
    return {"path": path, **options} if isinstance(options, Mapping) else {"path": path, "choices": [options]}
