"""The models that the studio offers: loaded when first needed, shared by all pages, some of them in memory."""

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import BaseModel

from smis.core.errors import CheckpointError, WeightsError, shown
from smis.datasets.io.raw_images import resize_ids
from smis.metrics import segmenter
from smis.studio.bounded_cache import BoundedCache
from smis.studio.encoded_images import map_text
from smis.studio.model_sources import ModelSource, read_example_maps
from smis.styles import Synthesizer, load
from smis.styles.inference import Precision

MOST_LOADED = 8
_VARIES = ("instance", "class", "global", "nothing")
_UNLABELED = ("unlabeled", "unlabelled", "unknown", "void", "ignore")


class OfferedClass(BaseModel):
    """A class that can be painted."""

    id: int
    name: str
    color: tuple[int, int, int]


class ExampleMap(BaseModel):
    """A label map that comes with a model."""

    name: str
    labels: str
    """A PNG in base64."""
    instances: str | None = None


class OfferedModel(BaseModel):
    """What a page has to know of a model."""

    name: str
    """As `smis.load` takes it."""
    title: str
    system: str
    varies: str
    size: tuple[int, int]
    """Height and width."""
    classes: list[OfferedClass]
    unlabelled: int | None
    """The id of the class of pixels without a label, if there is one."""
    parameters: int
    """Of the generator."""
    abilities: dict[str, str | None]
    """None, or why the model cannot do it."""
    instances: bool
    """Whether instance maps change anything."""
    examples: list[ExampleMap]
    segmenter: bool


class ModelLibrary:
    """Load and describe models; one thread uses it.

    Args:
        sources: By name.
        device: As for `smis.load`.
        precision: As for `smis.load`.
        workspace: Where runs/DATASET/segmenter.safetensors may be for models that have none beside them.

    Example:
        >>> from pathlib import Path
        >>> library = ModelLibrary({"own": ModelSource("own", Path("checkpoint.safetensors"))}, device="cpu")
        >>> library.describe("own").size
        (32, 64)
    """

    def __init__(
        self,
        sources: Mapping[str, ModelSource],
        *,
        device: str | torch.device | None = None,
        precision: Precision = "float32",
        workspace: Path | None = None,
    ) -> None:
        self.sources, self._workspace = sources, workspace
        self._device = device
        self.precision: Precision = precision
        self._loaded: BoundedCache[Synthesizer] = BoundedCache(MOST_LOADED)
        self._described: dict[str, OfferedModel] = {}

    def load(self, name: str) -> Synthesizer:
        """Return a model, loaded now or before.

        Raises:
            CheckpointError: if there is none of this name, or its file is broken.
        """
        path = self.source(name).path
        return self._loaded.get(name, lambda: load(path, device=self._device, precision=self.precision))

    def source(self, name: str) -> ModelSource:
        """Return where a model is.

        Raises:
            CheckpointError: if there is none of this name.
        """
        if name not in self.sources:
            names = ", ".join(self.sources) or "none"
            raise CheckpointError(f"the studio has no model {shown(name)}; there are: {names}")
        return self.sources[name]

    def describe(self, name: str) -> OfferedModel:
        """Return what a page has to know of a model.

        Raises:
            CheckpointError: if its file is broken.
        """
        if name not in self._described:
            self._described[name] = self._describe(self.source(name), self.load(name))
        return self._described[name]

    def describe_all(self) -> list[OfferedModel]:
        """Describe all models, in the order in which they are offered.

        Those that a person named come as they were named. The zoo's come before the workspace's; of each come first
        those that vary most (instances, classes, the whole image, nothing), then larger pictures, then more
        parameters. Models that came to harm since the start are left out.
        """
        described: list[OfferedModel] = []
        for name in self.sources:
            try:
                described.append(self.describe(name))
            except CheckpointError:
                continue
        return sorted(described, key=self._rank)

    def _rank(self, model: OfferedModel) -> tuple[int, ...]:
        origin = self.sources[model.name].origin
        if origin == "named":
            return (0,)
        pixels = model.size[0] * model.size[1]
        return 1 + (origin == "workspace"), _VARIES.index(model.varies), -pixels, -model.parameters

    def find_segmenter(self, name: str) -> Path | None:
        """Return the file of a segmenter for a model's classes and size; None if there is none.

        Raises:
            CheckpointError: if there is no such model.
        """
        source, synth = self.source(name), self.load(name)
        places = [source.segmenter] if source.segmenter is not None else []
        if self._workspace is not None and synth.dataset.isidentifier():
            places.append(self._workspace / "runs" / synth.dataset / "segmenter.safetensors")
        return next((path for path in places if _is_for(path, synth)), None)

    def _describe(self, source: ModelSource, synth: Synthesizer) -> OfferedModel:
        named = enumerate(zip(synth.classes, synth.palette, strict=True))
        unlabeled = [number for number, name in enumerate(synth.classes) if name.lower() in _UNLABELED]
        return OfferedModel(
            name=source.name,
            title=f"{synth.title}, {synth.dataset}" if synth.dataset else synth.title,
            system=synth.system,
            varies=synth.varies,
            size=synth.size,
            classes=[OfferedClass(id=number, name=name, color=color) for number, (name, color) in named],
            unlabelled=unlabeled[0] if unlabeled else None,
            parameters=synth.parameters,
            abilities={**synth.abilities},
            instances=synth.varies == "instance",
            examples=_examples(source, synth),
            segmenter=self.find_segmenter(source.name) is not None,
        )


def _examples(source: ModelSource, synth: Synthesizer) -> list[ExampleMap]:
    examples: list[ExampleMap] = []
    for name, labels, instances in read_example_maps(source):
        if int(labels.max()) < len(synth.classes):
            scaled = [None if ids is None else map_text(resize_ids(ids, synth.size)) for ids in (labels, instances)]
            examples.append(ExampleMap(name=name, labels=scaled[0] or "", instances=scaled[1]))
    return examples


def _is_for(path: Path, synth: Synthesizer) -> bool:
    try:
        facts = segmenter.read_facts(path)
    except WeightsError:
        return False
    return [*facts["classes"]] == synth.classes and (facts["height"], facts["width"]) == synth.size
