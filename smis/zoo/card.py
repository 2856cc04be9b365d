"""What a model's card says, as card.yaml has it."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt, StringConstraints, field_validator, model_validator

from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.files import UnreadableError, check_length, open_file

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\r\n]+$", max_length=300)]
License = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
"""As Hugging Face writes it: apache-2.0, cc-by-nc-4.0, other."""


class DataFacts(Config):
    """The training data: what it is, whose, and which state of it."""

    name: Line
    license: Line
    """The data's; the weights may have another."""
    source: Text
    """Where it comes from, with its citation."""
    images: PositiveInt | None = None
    """Of the training split."""
    md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}(\.dir)?$")] | None = None
    """DVC's hash of the prepared data."""


class TrainingFacts(Config):
    """How the weights were made, so that somebody can make them again."""

    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,40}$")] | None = None
    command: Line | None = None
    hours: PositiveFloat | None = None
    machine: Line | None = None
    params: dict[str, Any] = {}
    """Sections of params.yaml."""


class MetricFacts(Config):
    """A value as in metrics/DATASET/SYSTEM/seed-SEED.json; null is not known."""

    value: FiniteFloat | None
    interval: tuple[FiniteFloat | None, FiniteFloat | None] = (None, None)
    """Bounds at 95 %."""
    protocol: dict[str, Any] = {}
    """Every choice that another value must share to be comparable."""


class Card(Config):
    """A model's card; what the checkpoint says about itself (system, classes, size, steps) is not repeated."""

    title: Line
    summary: Text
    license: License
    license_name: Line | None = None
    license_link: Line | None = None
    data: DataFacts
    training: TrainingFacts = TrainingFacts()
    metrics: dict[Line, MetricFacts] = {}
    intended_use: Text
    limits: Annotated[list[Text], Field(min_length=1)]
    tags: list[Line] = []

    @field_validator("metrics")
    @classmethod
    def _intervals_are_ordered(cls, metrics: dict[str, MetricFacts]) -> dict[str, MetricFacts]:
        for name, metric in metrics.items():
            low, high = metric.interval
            if low is not None and high is not None and low > high:
                raise ValueError(f"the interval of {name} begins at {low:g} and ends at {high:g}; give [low, high]")
        return metrics

    @model_validator(mode="after")
    def _other_license_has_a_name(self) -> "Card":
        if self.license == "other" and not self.license_name:
            raise ValueError("the license is other; name it: license_name (and license_link)")
        return self


def read_card(path: Path) -> Card:
    """Read and check a card.yaml.

    Raises:
        ParamsError: with a line per mistake and its path in the file.
    """
    return Card.check(parse_yaml(_read_text(path), source=str(path)), source=str(path))


def parse_yaml(text: str, *, source: str) -> dict[str, Any]:
    """Parse text whose top level is a mapping.

    Raises:
        ParamsError: if it is not.
    """
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ParamsError(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{source} has no fields; it needs lines such as `title: INADE on paper dolls`")
    return content


def _read_text(path: Path) -> str:
    try:
        with open_file(path) as file:
            check_length(path.stat().st_size)
            return file.read().decode()
    except FileNotFoundError:
        raise ParamsError(f"there is no card {path}; docs/zoo.md lists its fields") from None
    except UnreadableError as error:
        raise ParamsError(f"{path} cannot be read: {error}; {error.remedy}") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
