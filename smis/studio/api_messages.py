"""What requests and answers of the studio hold, with their bounds."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from smis.core.config import Config
from smis.studio.style_recipe import LONGEST_MAP, ClassName, MapText, StyleRecipe

MOST_RECIPES = 16
MOST_FRAMES = 120
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Picture = Annotated[str, StringConstraints(min_length=1, max_length=2 * LONGEST_MAP)]
"""A PNG in base64."""
Recipes = Annotated[list[StyleRecipe], Field(min_length=1, max_length=MOST_RECIPES)]


class PaintedRequest(Config):
    """A model and the maps that are painted."""

    model: ModelName
    labels: MapText
    instances: MapText | None = None


class SynthesizeRequest(PaintedRequest):
    """Pictures of recipes on one map; of each page only the newest request waits."""

    recipes: Recipes
    page: Annotated[str, StringConstraints(max_length=100)] = ""
    sequence: Annotated[int, Field(ge=0, le=2**53)] = 0


class SynthesizeAnswer(BaseModel):
    """One picture for each recipe (PNG in base64)."""

    images: list[str]
    milliseconds: float
    """Of computing, without waiting."""
    sequence: int


class StyledRequest(PaintedRequest):
    """What is on the screen."""

    recipe: StyleRecipe


class UploadedImage(BaseModel):
    """A photograph that is kept, its preview at the model's size, and what was not exact."""

    image: str
    size: tuple[int, int]
    preview: str
    notes: list[str]


class UploadedLabels(BaseModel):
    """A label map as the model's ids, and what was not exact."""

    labels: str
    size: tuple[int, int]
    notes: list[str]


class InstancesAnswer(BaseModel):
    """An instance map."""

    instances: str


class UploadedStyle(BaseModel):
    """A style file that is kept."""

    style: str


class SegmentRequest(Config):
    """A picture whose label map is wanted."""

    model: ModelName
    image: Picture


class SegmentAnswer(BaseModel):
    """The segmenter's label map of a picture."""

    labels: str
    accuracy: float | None = None
    """Of the segmenter, on real test images."""


class DistancesRequest(Config):
    """Pictures of one label map whose differences are wanted."""

    model: ModelName
    labels: MapText
    images: Annotated[list[Picture], Field(min_length=2, max_length=MOST_RECIPES)]
    class_name: ClassName | None = Field(default=None, alias="class")


class DistancesAnswer(BaseModel):
    """Mean distance of neighboring pictures inside and outside a class; without a class, `inside` is everywhere."""

    inside: float | None
    outside: float | None
    measure: str


class CommandsAnswer(BaseModel):
    """Lines that make the same picture."""

    python: str
    shell: str


class AnimationRequest(PaintedRequest):
    """From one style to another."""

    start: StyleRecipe = Field(alias="from")
    end: StyleRecipe = Field(alias="to")
    frames: Annotated[int, Field(ge=2, le=MOST_FRAMES)] = 24
    format: Literal["gif", "webp"] = "gif"


class BundleAnswer(BaseModel):
    """What was on the screen when a bundle was saved."""

    model: str
    labels: str
    instances: str | None
    recipe: dict[str, object]
