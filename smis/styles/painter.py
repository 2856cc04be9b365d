"""A trained system at work: checked layouts in, codes and pictures out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from smis.core.errors import ImageError, LabelError, StyleError
from smis.core.sample import check_range
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image, InstanceMap, LabelMap, Sketch
from smis.core.style import Style
from smis.core.transfer import validate_instances
from smis.styles import codes
from smis.styles.inputs import Given, read_ids
from smis.styles.layout import Layout, check_one_class_each, one_of_each, present
from smis.styles.networks import Networks

Precision = Literal["float32", "bfloat16"]


class Painter:
    """Asks the systems' protocol (draw, encode, synthesize), never which system it is."""

    def __init__(self, networks: Networks, *, device: torch.device, precision: Precision) -> None:
        self.networks, self.device, self.precision = networks, device, precision
        self.title, self.classes, self.varies = networks.title, networks.classes, networks.trained.varies

    def read(self, labels: Given | Layout, instances: Given | None, *, like: Layout | None = None) -> Layout:
        """Read and check maps; maps without instances that are those of `like` have its instances.

        Raises:
            LabelError: if they are no maps, or do not fit the checkpoint.
        """
        if isinstance(labels, Layout):
            if instances is not None:
                raise LabelError("a layout has its instances already; give them to synth.layout(labels, instances)")
            return labels
        ids = read_ids(labels, name="the label map")
        if instances is not None:
            return self.place(ids, read_ids(instances, name="the instance map"))
        return like if like is not None and like.is_of(ids) else self.place(ids, None)

    def place(self, labels: LabelMap, instances: InstanceMap | None) -> Layout:
        """Check maps (on the CPU), and take them to the device.

        Raises:
            LabelError: if ids, sizes or the number of instances are not what the checkpoint allows.
        """
        remedy = f"was {int(labels.max())} left in as 'unlabeled'? give those pixels a class"
        low, high = int(labels.min()), int(labels.max())
        check_range(low, high, name="the label map", classes=len(self.classes), remedy=remedy)
        system = self.networks.at(labels.shape[1], labels.shape[2])
        owners = present(labels, classes=len(self.classes))
        derived = instances is None
        instances = one_of_each(labels) if instances is None else self._checked(labels, instances)
        if self.varies not in codes.PARTS:
            owners = owners[:, :0]
        elif self.varies == "instance":
            owners = _slots(system, labels, instances)
        return Layout(labels.to(self.device), instances.to(self.device), owners, derived)

    def prepare(self, layout: Layout) -> Layout:
        """Compute what depends on the maps alone, if the system can keep it."""
        system = self.networks.at(*layout.size)
        if not hasattr(system, "synthesise_on"):
            return layout
        with self._computing():
            return replace(layout, prepared=system.layout(layout.labels, layout.instances))

    def sample(self, layout: Layout, *, seeds: Sequence[int], samples: int) -> Style:
        """Draw codes; those of a picture depend on its seed and on its number among the samples alone."""
        return codes.joined(
            [
                self._drawn(layout, number, seed, "style", sample)
                for number, seed in enumerate(seeds)
                for sample in range(samples)
            ]
        )

    def fill(self, style: Style, layout: Layout, new: Bool[Tensor, "n parts"], *, seeds: Sequence[int]) -> Style:
        """Draw the codes of new parts, each from the picture's seed and the part's class.

        So a class that is painted keeps its code while other classes come and go beside it.
        """
        field = codes.PARTS[self.varies]
        filled = getattr(style, field).clone()
        samples = len(filled) // len(layout)
        for picture, part in new.nonzero().tolist():
            number, owner = picture // samples, int(layout.owners[picture // samples, part])
            drawn = self._drawn(layout, number, seeds[number], "new", picture % samples, owner)
            # where instances are made from classes, their numbers change with the classes beside them
            filled[picture, part] = getattr(drawn, field)[0, owner % new.shape[1] if layout.derived else part]
        return replace(style, **{field: filled})

    def encode(self, image: Image, layout: Layout, *, seed: int | None) -> Style:
        """Encode pictures: the most likely codes, or with a seed, codes drawn near them.

        Raises:
            ImageError: if the pictures do not fit the label maps.
            StyleError: if there is no encoder.
        """
        self._check_image(image, layout)
        encode = self.networks.at(*layout.size).encode
        given = image.to(self.device), layout.labels, layout.instances
        with self._computing():
            if seed is None:
                return codes.mapped(encode(*given, None), _precise)
            each = (tuple(tensor[n : n + 1] for tensor in given) for n in range(len(image)))
            return codes.joined(
                [codes.mapped(encode(*one, Noise(generator(seed, "encode"))), _precise) for one in each]
            )

    def paint(self, layout: Layout, style: Style, sketch: Sketch | None = None) -> Image:
        """Make the pictures, float32 in -1..1; one layout serves any number of codes.

        Raises:
            StyleError: if the system reads no sketch.
            ImageError: if the sketch does not fit the label maps.
        """
        samples = codes.count(style) // len(layout)
        if len(layout) > 1 and samples > 1:
            layout = layout.chosen(torch.arange(len(layout)).repeat_interleave(samples))
        system = self.networks.at(*layout.size)
        with self._computing():
            if layout.prepared is not None:
                return system.synthesise_on(layout.prepared, style).float()
            lines = {} if sketch is None else {"sketch": self._lines(sketch, layout)}
            return system.synthesize(layout.labels, layout.instances, style, **lines).float()

    def _lines(self, sketch: Sketch, layout: Layout) -> Sketch:
        if not getattr(self.networks.trained, "sketched", False):
            raise StyleError(f"{self.title} as trained reads no sketch; INADE with the preset deepfashion_sketch does")
        if sketch.shape[2:] != layout.size or len(sketch) not in (1, len(layout)):
            raise ImageError(
                f"the sketch is {tuple(sketch.shape)}, label maps {(len(layout), *layout.size)}; give one of their size"
            )
        return sketch.to(self.device)

    def _drawn(self, layout: Layout, number: int, seed: int, *purpose: int | str) -> Style:
        one = slice(number, number + 1)
        system = self.networks.at(*layout.size)
        with torch.inference_mode():
            return system.sample(layout.labels[one], layout.instances[one], Noise(generator(seed, *purpose)))

    def _checked(self, labels: LabelMap, instances: InstanceMap) -> InstanceMap:
        if instances.shape != labels.shape:
            raise LabelError(
                f"the instance map is {tuple(instances.shape)}, the label map {tuple(labels.shape)}; "
                "give one of the same size for each picture"
            )
        if int(instances.min()) < 0:
            raise LabelError(f"the instance map has id {int(instances.min())}; number instances from 0")
        if self.varies == "instance":
            check_one_class_each(labels, instances, classes=self.classes)
        return instances

    def _check_image(self, image: Image, layout: Layout) -> None:
        if self.networks.trained.encoder is None:
            raise StyleError(
                f"{self.title} has no encoder, so a photograph gives no style; draw one: synth.sample(labels)"
            )
        if not self.networks.encodes:
            raise StyleError(
                f"this checkpoint of {self.title} has no encoder's weights; import it again with --encoder FILE, or "
                "draw a style: synth.sample(labels)"
            )
        sizes = (len(image), *image.shape[2:]), (len(layout), *layout.size)
        if sizes[0] != sizes[1]:
            raise ImageError(
                "pictures are {} of {} x {}, label maps {} of {} x {}; ".format(*sizes[0], *sizes[1])
                + "give one picture for each label map, of its size"
            )

    @contextmanager
    def _computing(self) -> Iterator[None]:
        lower: Any = nullcontext()
        if self.precision == "bfloat16":
            lower = torch.autocast(self.device.type, dtype=torch.bfloat16)
        with torch.inference_mode(), lower:
            yield


def _slots(system: Any, labels: LabelMap, instances: InstanceMap) -> Tensor:
    """Ask the system for the class of each of its slots; it knows how many it has."""
    try:
        validate_instances(system, instances)
        return system.sample(labels, instances, Noise(generator(0, "slots"))).instance_classes
    except LabelError as error:
        raise LabelError(f"{str(error).partition(';')[0]}; number instances densely from 0") from None


def _precise(code: Tensor) -> Tensor:
    return code.float() if code.is_floating_point() else code
