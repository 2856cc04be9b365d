"""A checkpoint for inference: its networks at every image size, checked layouts in, latents and images out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from smis.core.batch import validate_instances
from smis.core.errors import ImageError, LabelError, ParamsError, StyleError, naming
from smis.core.sample import check_range, remedy_of_ids
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image, InstanceMap, LabelMap, Sketch, size_text
from smis.core.style import Style
from smis.models.system_registry import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.nn.spectral_norm import fold_spectral_norm
from smis.styles.abilities import reason_against_encoding, reason_against_sampling
from smis.styles.inputs import ArrayOrFile, file_name, read_ids
from smis.styles.label_layout import LabelLayout, check_one_class_per_instance, instances_from_labels, present_classes
from smis.styles.latents import PARTS, concatenate, count
from smis.training.export import part_of, read_checkpoint

Precision = Literal["float32", "bfloat16"]


class SizedNetworks:
    """The system of a checkpoint at every image size, built when first needed; all sizes share their weights.

    Weights are divided by their spectral norms once, not in each pass.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit its system.
    """

    def __init__(self, path: Path, *, device: torch.device, channels_last: bool, compiled: bool) -> None:
        self._checkpoint = checkpoint = read_checkpoint(path, SYSTEMS)
        self._device, self._compiled = device, compiled
        self.title: str = checkpoint.config.title
        self.classes, self.palette = checkpoint.description.classes, checkpoint.description.palette
        self.size = checkpoint.description.height, checkpoint.description.width
        self._tensors = {
            key: _to_device(value, device, channels_last=channels_last) for key, value in checkpoint.tensors.items()
        }
        self.encodes = checkpoint.encodes
        # imported ones may lack the encoder
        self._parts = ("generator", "encoder") if self.encodes else ("generator",)
        self._systems = {self.size: self._build_trained()}

    @property
    def trained(self) -> Any:
        """The system at the size that it was trained at."""
        return self._systems[self.size]

    @property
    def reason_against_encoding(self) -> str | None:
        """Why photographs cannot be encoded: there is no encoder, or it was not imported with its generator."""
        checkpoint, encoder = self._checkpoint, self.trained.encoder is not None
        optional = "release" in checkpoint.metadata and checkpoint.description.config.get("encoder") is False
        left_out = not self.encodes and (optional or encoder)
        return reason_against_encoding(title=self.title, encoder=encoder, left_out=left_out)

    @property
    def reason_against_sampling(self) -> str | None:
        """Why it cannot sample styles, or None."""
        return reason_against_sampling(title=self.title, can_sample=getattr(self.trained, "can_sample", True))

    @property
    def system(self) -> str:
        """The system's name in the registry."""
        return self._checkpoint.description.system

    @property
    def dataset(self) -> str:
        """The name of the data set that it was trained on, "" if the checkpoint does not say."""
        return self._checkpoint.metadata.get("dataset", "")

    def at(self, height: int, width: int) -> Any:
        """Return the system for an image size, in eval mode.

        Raises:
            LabelError: if the architecture does not allow the size, or the weights are for another one.
        """
        if (height, width) not in self._systems:
            self._systems[height, width] = self._build(height, width)
        return self._systems[height, width]

    def _build_trained(self) -> Any:
        system = self._build_empty(*self.size)
        for name in self._parts:
            getattr(system, name).load_state_dict(part_of(self._tensors, name), assign=True)
        self._prepare(system)
        # the weights that evaluation works with, in place of the checkpoint's
        states = {name: getattr(system, name).state_dict() for name in self._parts}
        self._tensors = {f"{name}.{key}": value for name, state in states.items() for key, value in state.items()}
        return system

    def _build(self, height: int, width: int) -> Any:
        system = self._prepare(self._build_empty(height, width))
        for name in self._parts:
            network, weights = getattr(system, name), part_of(self._tensors, name)
            self._check_shapes(network, weights, size=size_text((height, width)))
            # no load_state_dict: a hook that torch forgets still asks for the spectral norm's tensors
            for key, own in network.state_dict(keep_vars=True).items():
                own.data = weights[key]
        return system

    def _prepare(self, system: Any) -> Any:
        system.discriminator = None
        system.to(self._device).eval()
        for name in self._parts:
            fold_spectral_norm(getattr(system, name))
        if self._compiled:
            system.generator.compile()
        return system

    def _build_empty(self, height: int, width: int) -> Any:
        try:
            with SkipInit():
                return self._checkpoint.build(height, width)
        except ParamsError as error:
            reason = str(error).partition(";")[0]
            raise LabelError(f"{reason}; resize the label map, for instance to {self._trained_size}") from None

    def _check_shapes(self, network: nn.Module, weights: dict[str, Tensor], *, size: str) -> None:
        """Refuse a size that needs weights of another shape."""
        if any(weights[key].shape != own.shape for key, own in network.state_dict().items() if key in weights):
            raise LabelError(
                f"the label map is {size}, but the weights of this {self.title} are for {self._trained_size} only; "
                "resize the label map to that, with nearest-neighbor interpolation"
            )

    @property
    def _trained_size(self) -> str:
        return "{} x {}".format(*self.size)


class InferenceModel:
    """A system at inference, through its methods `sample`, `encode` and `synthesize` alone."""

    def __init__(self, networks: SizedNetworks, *, device: torch.device, precision: Precision) -> None:
        self.networks, self.device, self.precision = networks, device, precision
        self.title, self.classes, self.varies = networks.title, networks.classes, networks.trained.varies

    def read_layout(
        self, labels: ArrayOrFile | LabelLayout, instances: ArrayOrFile | None, *, like: LabelLayout | None = None
    ) -> LabelLayout:
        """Read and check maps; maps without instances that equal those of `like` get its instances.

        Raises:
            LabelError: if they are not maps, or do not fit the checkpoint.
        """
        if isinstance(labels, LabelLayout):
            if instances is not None:
                raise LabelError("a layout has its instances already; give them to synth.layout(labels, instances)")
            return labels
        ids = read_ids(labels, name="the label map")
        with naming(file_name(labels)):
            self._check_labels(ids)
        if instances is None:
            return like if like is not None and like.has_labels(ids) else self._layout(ids, None)
        with naming(file_name(instances)):
            return self._layout(ids, read_ids(instances, name="the instance map"))

    def _check_labels(self, labels: LabelMap) -> None:
        low, high = int(labels.min()), int(labels.max())
        remedy = ""
        if high >= len(self.classes):
            looks = remedy_of_ids(labels.unique().tolist(), classes=len(self.classes))
            remedy = looks or f"was {high} left in as 'unlabeled'? give those pixels a class"
        check_range(low, high, name="the label map", classes=len(self.classes), remedy=remedy)
        self.networks.at(labels.shape[1], labels.shape[2])

    def _layout(self, labels: LabelMap, instances: InstanceMap | None) -> LabelLayout:
        """Compute what maps (on the CPU, checked) imply, and move them to the device."""
        system = self.networks.at(labels.shape[1], labels.shape[2])
        part_classes = present_classes(labels, classes=len(self.classes))
        derived = instances is None
        instances = instances_from_labels(labels) if instances is None else self._check_instances(labels, instances)
        if self.varies not in PARTS:
            part_classes = part_classes[:, :0]
        elif self.varies == "instance":
            part_classes = _slot_classes(system, labels, instances)
        return LabelLayout(labels.to(self.device), instances.to(self.device), part_classes, derived)

    def prepare(self, layout: LabelLayout) -> LabelLayout:
        """Compute what depends on the maps alone, if the system can keep it."""
        system = self.networks.at(*layout.size)
        if not hasattr(system, "synthesize_on"):
            return layout
        with self._inference_mode():
            return replace(layout, prepared=system.layout(layout.labels, layout.instances))

    def sample(self, layout: LabelLayout, *, seeds: Sequence[int], samples: int) -> Style:
        """Sample latents; those of an image depend only on its seed and its number among the samples."""
        return concatenate(
            [
                self._sample_one(layout, number, seed, "style", sample)
                for number, seed in enumerate(seeds)
                for sample in range(samples)
            ]
        )

    def sample_parts(
        self, style: Style, layout: LabelLayout, new: Bool[Tensor, "n parts"], *, seeds: Sequence[int]
    ) -> Style:
        """Sample the latents of new parts, each from the image's seed and the part's class.

        So a class that is painted keeps its latent while other classes come and go.
        """
        field = PARTS[self.varies]
        filled = getattr(style, field).clone()
        samples = len(filled) // len(layout)
        for image, part in new.nonzero().tolist():
            number, class_id = image // samples, int(layout.part_classes[image // samples, part])
            fresh = self._sample_one(layout, number, seeds[number], "new", image % samples, class_id)
            # ids of derived instances change with the classes that are present, so the class id is taken
            filled[image, part] = getattr(fresh, field)[0, class_id % new.shape[1] if layout.derived else part]
        return replace(style, **{field: filled})

    def encode(self, image: Image, layout: LabelLayout, *, seed: int | None) -> Style:
        """Encode images: the most likely latents, or with a seed, a sample of their distribution.

        Raises:
            ImageError: if the images do not fit the label maps.
            StyleError: if there is no encoder.
        """
        self.check_image(image, layout)
        encode = self.networks.at(*layout.size).encode
        inputs = image.to(self.device), layout.labels, layout.instances
        with self._inference_mode():
            if seed is None:
                return encode(*inputs, None).map(_to_float32)
            each = (tuple(tensor[n : n + 1] for tensor in inputs) for n in range(len(image)))
            return concatenate([encode(*one, Noise(generator(seed, "encode"))).map(_to_float32) for one in each])

    def synthesize(self, layout: LabelLayout, style: Style, sketch: Sketch | None = None) -> Image:
        """Make images, float32 in -1..1; one layout serves any number of latents.

        Raises:
            StyleError: if the system reads no sketch.
            ImageError: if the sketch does not fit the label maps.
        """
        samples = count(style) // len(layout)
        if len(layout) > 1 and samples > 1:
            layout = layout.select(torch.arange(len(layout)).repeat_interleave(samples))
        system = self.networks.at(*layout.size)
        with self._inference_mode():
            if layout.prepared is not None:
                return system.synthesize_on(layout.prepared, style).float()
            condition = {} if sketch is None else {"sketch": self._check_sketch(sketch, layout)}
            return system.synthesize(layout.labels, layout.instances, style, **condition).float()

    def _check_sketch(self, sketch: Sketch, layout: LabelLayout) -> Sketch:
        if not getattr(self.networks.trained, "sketched", False):
            raise StyleError(f"{self.title} as trained reads no sketch; INADE with the preset deepfashion_sketch does")
        if sketch.shape[2:] != layout.size or len(sketch) not in (1, len(layout)):
            raise ImageError(
                f"the sketch is {tuple(sketch.shape)}, label maps {(len(layout), *layout.size)}; give one of their size"
            )
        return sketch.to(self.device)

    def _sample_one(self, layout: LabelLayout, number: int, seed: int, *purpose: int | str) -> Style:
        one = slice(number, number + 1)
        system = self.networks.at(*layout.size)
        with torch.inference_mode():
            return system.sample(layout.labels[one], layout.instances[one], Noise(generator(seed, *purpose)))

    def _check_instances(self, labels: LabelMap, instances: InstanceMap) -> InstanceMap:
        if instances.shape != labels.shape:
            sizes = [f"{len(ids)} of {size_text(ids.shape[1:])}" for ids in (instances, labels)]
            raise LabelError(
                f"instance maps are {sizes[0]}, label maps {sizes[1]}; give one for each label map, of its size "
                "(height x width)"
            )
        if int(instances.min()) < 0:
            raise LabelError(f"the instance map has id {int(instances.min())}; number instances from 0")
        if self.varies == "instance":
            check_one_class_per_instance(labels, instances, classes=self.classes)
        return instances

    def check_sampling(self) -> None:
        """Refuse to sample without anything to sample from.

        Raises:
            StyleError: if there is nothing.
        """
        if self.networks.reason_against_sampling is not None:
            raise StyleError(self.networks.reason_against_sampling)

    def check_image(self, image: Image, layout: LabelLayout) -> None:
        """Refuse images that cannot be encoded.

        Raises:
            ImageError: if they do not fit the label maps.
            StyleError: if there is no encoder.
        """
        if self.networks.reason_against_encoding is not None:
            raise StyleError(self.networks.reason_against_encoding)
        sizes = (len(image), *image.shape[2:]), (len(layout), *layout.size)
        if sizes[0] != sizes[1]:
            raise ImageError(
                "images are {} of {} x {}, label maps {} of {} x {}; ".format(*sizes[0], *sizes[1])
                + "give one image for each label map, of its size (height x width)"
            )

    @contextmanager
    def _inference_mode(self) -> Iterator[None]:
        autocast: Any = nullcontext()
        if self.precision == "bfloat16":
            autocast = torch.autocast(self.device.type, dtype=torch.bfloat16)
        with torch.inference_mode(), autocast:
            yield


def _slot_classes(system: Any, labels: LabelMap, instances: InstanceMap) -> Tensor:
    """Ask the system for the class of each of its slots; it knows how many it has."""
    try:
        validate_instances(system, instances)
        return system.sample(labels, instances, Noise(generator(0, "slots"))).instance_classes
    except LabelError as error:
        raise LabelError(f"{str(error).partition(';')[0]}; number instances densely from 0") from None


def _to_float32(latents: Tensor) -> Tensor:
    return latents.float() if latents.is_floating_point() else latents


def _to_device(tensor: Tensor, device: torch.device, *, channels_last: bool) -> Tensor:
    if channels_last and tensor.dim() == 4:
        return tensor.to(device, memory_format=torch.channels_last)
    return tensor.to(device)
