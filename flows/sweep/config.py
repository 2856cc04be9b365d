"""What a person says of a sweep: in Prefect's form, in a YAML file, or in Python."""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from flows.names import Dataset, System
from flows.sweep import form

Direction = Literal["minimize", "maximize"]


def _typed(value: Any) -> Any:
    """Read a number that came as a word: YAML reads 1e-4 as one, and in a form it may stand in quotes."""
    try:
        read = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value
    return read if isinstance(read, bool | int | float) else value


def _number(schema: dict[str, Any]) -> None:
    """Let the form show a plain number that may stay empty, in place of a switch between "float" and "None"."""
    del schema["anyOf"], schema["default"]
    schema["type"] = "number"


_One = Annotated[str | bool | int | float, BeforeValidator(_typed)]
Choice = _One | list[_One] | None
"""What a path of params.yaml may hold that is no section: one value, a list of them, or nothing (null)."""


class Dimension(BaseModel, frozen=True, extra="forbid", json_schema_extra=form.DIMENSION):
    """One parameter that the sweep varies: among choices, or between two ends."""

    path: str = Field(
        title="Parameter",
        description="Its path in params.yaml, such as train.lr_generator or systems.inade.width. "
        "Those of a system or data set hold for its own trials only.",
        pattern=r"^[A-Za-z_]\w*(\.[\w-]+)*$",
    )
    choices: list[Choice] = Field(
        default=[],
        title="Choices",
        description='The values to choose among: numbers, true, false, null, "words" in quotes, or lists of them, '
        "such as [0.5, 0.999]. Empty: a range.",
    )
    low: float | None = Field(
        default=None,
        title="Lowest",
        allow_inf_nan=False,
        description="The lower end of the range, included; empty with choices.",
        json_schema_extra=_number,
    )
    high: float | None = Field(
        default=None,
        title="Highest",
        allow_inf_nan=False,
        description="The upper end of the range, included; empty with choices.",
        json_schema_extra=_number,
    )
    log: bool = Field(default=False, title="Logarithmic", description="0.001 to 0.01 counts as much as 0.01 to 0.1.")
    integer: bool = Field(default=False, title="Whole numbers", description="Only whole numbers of the range.")
    points: int = Field(
        default=3,
        ge=2,
        le=1000,
        title="Points",
        description="How many values of the range a grid tries, ends included.",
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "Dimension":
        ends = (self.low, self.high)
        if self.choices and ends != (None, None):
            raise ValueError(f"{self.path} has choices and a range; it can have one of them")
        if not self.choices and (self.low is None or self.high is None):
            raise ValueError(f"{self.path} has neither choices nor both ends of a range")
        single = [one for choice in self.choices for one in (choice if isinstance(choice, list) else [choice])]
        if odd := [value for value in single if isinstance(value, float) and not math.isfinite(value)]:
            raise ValueError(f"{self.path} has {odd[0]} among its choices; a number must be finite")
        if self.low is not None and self.high is not None:
            _check_range(self.path, self.low, self.high, log=self.log, integer=self.integer)
        return self


class Objective(BaseModel, frozen=True, extra="forbid"):
    """What is measured, and which way is better."""

    metric: str = Field(
        title="Metric",
        description="As metrics/DATA SET/SYSTEM.json names it: fd_stlpips_vgg (distance to real images), "
        "mCSD (how much one class varies), mIoU (faithfulness to the label map) and others.",
        min_length=1,
    )
    direction: Direction = Field(
        title="Better is", description="minimize: small values, as of distances. maximize: large ones, as of mCSD."
    )


class Pruning(BaseModel, frozen=True, extra="forbid"):
    """When a trial that learns worse than the others is ended early."""

    curve: str = Field(
        default="validation_fd",
        title="Curve",
        description="The value that trials are compared by while they learn, as history.jsonl names it; "
        "validation_fd needs validation.every in params.yaml.",
    )
    direction: Direction = Field(
        default="minimize", title="Better is", description="minimize: the curve should fall. maximize: rise."
    )
    rule: Literal["median", "halving"] = Field(
        default="median",
        title="Rule",
        description="median: worse than half of the others at this step. halving: not among the best quarter.",
    )
    trials_first: int = Field(
        default=4, ge=1, le=1000, title="Trials first", description="How many trials end before any is judged (median)."
    )
    steps_first: int = Field(
        default=0, ge=0, title="Steps first", description="Training steps of each trial before it is judged (median)."
    )


class Sweep(BaseModel, frozen=True, extra="forbid", json_schema_extra=form.SWEEP):
    """Which settings to try, how to choose them, and what makes one better than another."""

    name: str = Field(
        title="Name",
        description="Lower case letters, digits and hyphens. The same name again continues a sweep that was ended.",
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        max_length=50,
    )
    objectives: list[Objective] = Field(
        min_length=1,
        max_length=5,
        title="Objectives",
        description="What makes a trial better than another. With more than one, the sweep looks for a Pareto front.",
    )
    space: list[Dimension] = Field(
        default=[],
        title="Space",
        description="The parameters to vary. Empty: only systems, data sets and seeds differ.",
    )
    systems: list[System] = Field(
        default=[],
        title="Systems",
        json_schema_extra=form.ONCE_EACH,
        description="Each trial has one of them, such as groupdnet. Empty: those of axes.system in params.yaml.",
    )
    datasets: list[Dataset] = Field(
        default=[],
        title="Data sets",
        json_schema_extra=form.ONCE_EACH,
        description="Each trial has one of them, such as paperdoll. Empty: those of axes.dataset in params.yaml.",
    )
    strategy: Literal["tpe", "random", "grid"] = Field(
        default="tpe",
        title="Strategy",
        description="tpe: learns from finished trials (Optuna). random: does not. grid: every combination.",
    )
    trials: int = Field(
        default=20, ge=1, le=100_000, title="Trials", description="How many settings to try; a grid tries all it has."
    )
    seeds: int = Field(
        default=1,
        ge=1,
        le=100,
        title="Seeds",
        description="How often a setting is trained, each time with another seed; the mean counts.",
    )
    side_by_side: int = Field(
        default=2, ge=1, le=1000, title="Side by side", description="How many trainings may go on at the same time."
    )
    gpus: int = Field(
        default=1,
        ge=1,
        le=64,
        title="GPUs for each training",
        description="On a machine without GPUs: how many processes share its work.",
    )
    retries: int = Field(
        default=1, ge=0, le=10, title="Retries", description="How often a training that failed or was lost is repeated."
    )
    prune: Pruning | None = Field(
        default=None,
        title="Pruning",
        description="Whether trials that learn worse than others are ended early; with one objective only.",
    )
    where: Literal["here", "pool"] = Field(
        default="here",
        title="Where",
        description="here: on the machine that runs the sweep. pool: on machines that run `python -m flows.worker`.",
    )
    lost_after_s: int = Field(
        default=90,
        ge=15,
        le=86_400,
        title="Lost after (seconds)",
        description="In a pool: a training of which nothing was heard for so long is repeated elsewhere.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_mappings(cls, values: Any) -> Any:
        """Take `{path: {...}}` and `{metric: direction}` too, which are shorter to write in YAML."""
        if not isinstance(values, Mapping):
            return values
        values = dict(values)
        if isinstance(space := values.get("space"), Mapping):
            values["space"] = [_dimension(path, inner) for path, inner in space.items()]
        if isinstance(wanted := values.get("objectives"), Mapping):
            values["objectives"] = [{"metric": metric, "direction": way} for metric, way in wanted.items()]
        return values

    @model_validator(mode="after")
    def _fits(self) -> "Sweep":
        if self.prune and len(self.objectives) > 1:
            raise ValueError("a sweep with more than one objective cannot prune; leave prune empty, or one objective")
        for what, names in {
            "space": [dimension.path for dimension in self.space],
            "objectives": [objective.metric for objective in self.objectives],
            "systems": self.systems,
            "datasets": self.datasets,
        }.items():
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} names {', '.join(twice)} twice; once is enough")
        return self


def _check_range(path: str, low: float, high: float, *, log: bool, integer: bool) -> None:
    if low >= high:
        raise ValueError(f"{path} goes from {low:g} to {high:g}; the first must be less than the second")
    if log and low <= 0:
        raise ValueError(f"{path} begins at {low:g}, but a logarithmic range must begin above 0")
    if integer and (low != int(low) or high != int(high)):
        raise ValueError(f"{path} has whole numbers only, but goes from {low:g} to {high:g}")


def _dimension(path: Any, inner: Any) -> Any:
    if isinstance(inner, list):
        return {"path": path, "choices": inner}
    if inner is None:  # nothing was said; what is meant as a value is among [choices]
        return {"path": path}
    return {"path": path, **inner} if isinstance(inner, Mapping) else {"path": path, "choices": [inner]}
