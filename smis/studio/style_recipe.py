"""A recipe: how a style is made, as data. Its steps are the methods of `Synthesizer` and `ImageStyle`."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from smis.core.config import Config

MOST_STEPS = 64
MOST_NESTED = 4
"""Recipes inside recipes."""
LONGEST_MAP = 2**22
"""Characters of a map: base64 of a PNG of 3 MiB."""

MapText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_MAP)]
"""A one-channel PNG of ids, as base64."""
Seed = Annotated[int, Field(ge=0, le=2**53, strict=True)]
"""Whole numbers that JavaScript keeps exactly."""
ClassName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Weight = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[int, Field(ge=0, le=65_535, strict=True)] | ClassName
"""An instance's id, or a class."""
Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""What an upload is found by: the first digits of the SHA-256 of its content."""


class Start(Config):
    """Where a style comes from: a seed, the photograph that was uploaded, or the style file that was."""

    seed: Seed | None = None
    image: Key | None = None
    style: Key | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Start":
        _check_one(self, "a start")
        return self


class PlacedOn(Config):
    """Transfer the style to another map."""

    labels: MapText
    instances: MapText | None = None


class Resampled(Config):
    """Sample classes or instances anew; everything if none is named."""

    classes: Annotated[list[ClassName], Field(max_length=4096)] | None = None
    instances: Annotated[list[Annotated[int, Field(ge=0, le=65_535)]], Field(max_length=4096)] | None = None
    seed: Seed = 1


class Mixed(Config):
    """Interpolate classes toward another style."""

    other: "StyleRecipe" = Field(alias="with")
    weights: Annotated[dict[ClassName, Weight], Field(min_length=1, max_length=4096)]
    spherical: bool = True


class Morphed(Config):
    """Interpolate everything toward another style."""

    other: "StyleRecipe" = Field(alias="with")
    amount: Weight
    spherical: bool = True


class Copied(Config):
    """Give one part the look of a part of another style."""

    other: "StyleRecipe" = Field(alias="from")
    source: Part
    target: Part


class Step(Config):
    """One operation on a style."""

    on: PlacedOn | None = None
    resample: Resampled | None = None
    mix: Mixed | None = None
    morph: Morphed | None = None
    copied: Copied | None = Field(default=None, alias="copy")

    @model_validator(mode="after")
    def _is_one(self) -> "Step":
        _check_one(self, "a step")
        return self

    @property
    def other(self) -> "StyleRecipe | None":
        """The second style of a step that has one."""
        two = self.mix or self.morph or self.copied
        return two.other if two is not None else None


class StyleRecipe(Config):
    """A start, and steps from there.

    The start lives on `labels` and `instances`, without them on the map that the recipe is used on. Steps apply in
    order; each sees the map of the last `on` before it. A recipe inside a step that has no maps starts on the map that
    the outer style is on by then.

    Example:
        >>> recipe = StyleRecipe.check({"start": {"seed": 7}, "then": [{"resample": {"seed": 5}}]}, source="recipe")
        >>> recipe.nesting, recipe.then[0].resample.seed
        (1, 5)
    """

    start: Start
    labels: MapText | None = None
    instances: MapText | None = None
    then: Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS)] = ()

    @model_validator(mode="after")
    def _is_bounded(self) -> "StyleRecipe":
        if self.nesting > MOST_NESTED:
            raise ValueError(
                f"recipes are nested {self.nesting} deep, allowed are {MOST_NESTED}; save a style and use it"
            )
        if self.instances is not None and self.labels is None:
            raise ValueError("it has instances without labels; give both, or none")
        return self

    @property
    def nesting(self) -> int:
        """How deep recipes lie in each other; 1 of one without others."""
        return 1 + max((step.other.nesting for step in self.then if step.other is not None), default=0)


def _check_one(model: Config, name: str) -> None:
    given = [field for field in type(model).model_fields if getattr(model, field) is not None]
    if len(given) != 1:
        names = ", ".join(field.alias or name for name, field in type(model).model_fields.items())
        raise ValueError(f"{name} has {len(given)} of {names}; give exactly one")


def as_json(recipe: Config) -> dict[str, Any]:
    """Return a recipe as the page sends it: without what is not given."""
    return recipe.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def uploads_of(recipe: StyleRecipe) -> dict[str, bool]:
    """Return the keys of the uploads that a recipe needs, and of each whether it is a photograph."""
    keys = {key: key == recipe.start.image for key in (recipe.start.image, recipe.start.style) if key is not None}
    for step in recipe.then:
        keys |= uploads_of(step.other) if step.other is not None else {}
    return keys
