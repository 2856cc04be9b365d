"""The style of images: resample, mix, morph, copy, and transfer to other label maps."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smis.core.errors import StyleError, StyleIndexError, shown
from smis.core.numbers import MOST_IMAGES, listed, scalar, whole
from smis.core.shapes import InstanceMap, LabelMap
from smis.core.style import Style
from smis.styles import style_file
from smis.styles.abilities import Ability, reason_against
from smis.styles.inference import InferenceModel
from smis.styles.inputs import ArrayOrFile, check_path, expand_seeds, read_weight
from smis.styles.label_layout import ABSENT, LabelLayout
from smis.styles.latents import (
    PARTS,
    PartClasses,
    check_same_shapes,
    count,
    expand,
    gather,
    interpolate,
    match_classes,
    match_slots,
)


@dataclass(frozen=True, eq=False, repr=False)
class ImageStyle:
    """The latents of one or many images, and the layout that they belong to; every operation returns a new one.

    Made by `synth.sample`, `synth.encode` and `synth.style`. Classes are given by name or by id.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> styles = synth.sample("labels.png", samples=3)
        >>> len(styles), styles[0]
        (3, ImageStyle(1 image of INADE, 32 x 64))
    """

    model: InferenceModel
    layout: LabelLayout
    latents: Style
    seeds: tuple[int, ...]
    """For each label map: what latents of parts that it does not have yet are sampled from."""
    sampled: bool
    """Whether the latents of classes that the images do not have are samples too."""

    @property
    def labels(self) -> LabelMap:
        """The label maps that the latents belong to."""
        return self.layout.labels

    @property
    def instances(self) -> InstanceMap:
        """The instance maps that the latents belong to."""
        return self.layout.instances

    @property
    def samples(self) -> int:
        """The number of images of each label map."""
        return len(self) // len(self.layout)

    def __len__(self) -> int:
        return count(self.latents)

    def __getitem__(self, index: int | slice) -> "ImageStyle":
        """Take some of the images; a single one is a style of one image.

        Raises:
            StyleIndexError: if there is no such image.
        """
        try:
            chosen = range(len(self))[index]
        except (IndexError, TypeError, ValueError):
            chosen = ()
        numbers = torch.tensor([chosen] if isinstance(chosen, int) else list(chosen), dtype=torch.long)
        if not len(numbers):
            last = len(self) - 1
            raise StyleIndexError(
                f"a style of {len(self)} images has none at {shown(index)}; give 0 to {last}, or a slice"
            )
        style = replace(self, latents=self.latents.map(lambda each: each[numbers.to(each.device)]))
        if len(self.layout) == 1:
            return style
        maps = numbers // self.samples
        return replace(style, layout=self.layout.select(maps), seeds=tuple(self.seeds[n] for n in maps.tolist()))

    def __repr__(self) -> str:
        height, width = self.layout.size
        images = "1 image" if len(self) == 1 else f"{len(self)} images"
        return f"{type(self).__name__}({images} of {self.model.title}, {height} x {width})"

    def repeat(self, times: int) -> "ImageStyle":
        """Repeat the latents of each image, one after the other; the layout stays one.

        Raises:
            StyleError: if `times` is less than 1, or there would be more than 100,000 images.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> len(style.repeat(4))
            4
        """
        most = max(1, MOST_IMAGES // len(self))
        return replace(self, latents=self.latents.repeated(whole(times, "times", low=1, high=most, error=StyleError)))

    def resample(
        self,
        classes: Collection[str | int] | None = None,
        instances: Collection[int] | None = None,
        *,
        seed: int | Sequence[int] = 1,
    ) -> "ImageStyle":
        """Replace the latents of classes or instances, or of all if none is named, by `synth.sample(seed=seed)`.

        Semantically multi-modal synthesis (Zhu et al., CVPR 2020).

        Raises:
            StyleError: if the system does not vary what is asked for, or the images do not have it.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> images = synth("labels.png", style.resample(classes=["hair"], seed=1))
        """
        self._require("resample everything")
        self.model.check_sampling()
        mask = self._mask(classes, instances)
        seeds = expand_seeds(seed, len(self.layout))
        fresh = replace(self, latents=self.model.sample(self.layout, seeds=seeds, samples=self.samples))
        if mask is None:
            return replace(fresh, sampled=True)
        return self._with_parts(torch.where(expand(mask, self._parts), fresh._parts, self._parts))

    def mix(self, other: "ImageStyle", weights: Mapping[str | int, float], *, spherical: bool = True) -> "ImageStyle":
        """Interpolate classes toward another style: with weight 1 they have its latents.

        Appearance mixture (Zhu et al., CVPR 2020). The first instance of a class takes from the other's first, and so
        on; if the other has fewer, they are used again.

        Raises:
            StyleError: if there is no latent for each class, or one of the two styles does not have a class.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> exemplar = synth.encode("photograph.png", "labels.png")
            >>> images = synth("labels.png", style.mix(exemplar, {"hair": 1.0, "face": 0.5}))
            >>> torch.equal(synth("labels.png", style.mix(style, {"hair": 0.5})), synth("labels.png", style))
            True
        """
        self._require("mix")
        style, other = self._paired(other)
        matches = match_classes(style._part_classes, other._part_classes, cycle=True)
        weight = torch.zeros(style._part_classes.shape)
        if not isinstance(weights, Mapping) or not weights:
            raise StyleError(f"weights is {shown(weights)}; give a weight for at least one class, as {{'hair': 0.5}}")
        for name, share in weights.items():
            class_id = style._class(name)
            share = read_weight(share, name=f"the weight of {self.model.classes[class_id]}")
            mask = style._part_classes == class_id
            if bool((matches[mask] == ABSENT).any()):
                other._class(class_id)
                raise StyleError(f"not every image of the other style has {self.model.classes[class_id]}")
            weight[mask] = share
        return style._with_parts(interpolate(style._parts, gather(other._parts, matches), weight, spherical=spherical))

    def morph(self, other: "ImageStyle", amount: float, *, spherical: bool = True) -> "ImageStyle":
        """Interpolate toward another style: 0 is this one, 1 the other; parts that the other does not have stay.

        Style morphing (Zhu et al., CVPR 2020), there linear, here spherical by default, as latents are Gaussian.

        Raises:
            StyleError: if the system has no style, or `amount` is not in 0..1.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> end = synth.sample("labels.png", seed=1)
            >>> frames = [synth("labels.png", style.morph(end, step / 4)) for step in range(5)]
            >>> torch.equal(frames[0], synth("labels.png", style)), torch.equal(frames[4], synth("labels.png", end))
            (True, True)
        """
        self._require("morph")
        amount = read_weight(amount, name="the amount")
        style, other = self._paired(other)
        matches = match_classes(style._part_classes, other._part_classes, cycle=True)
        ends = other.latents.filled()
        changed: dict[str, Tensor] = {}
        for name, start in style.latents.filled().items():
            if name == self._part_field:
                weight = (matches != ABSENT) * amount
                changed[name] = interpolate(start, gather(ends[name], matches), weight, spherical=spherical)
            elif start.is_floating_point():
                weight = torch.full(start.shape[:1], amount)
                changed[name] = interpolate(start, ends[name], weight, spherical=spherical)
        return replace(style, latents=replace(style.latents, **changed), sampled=style.sampled and other.sampled)

    def copy(self, exemplar: "ImageStyle", *, source: str | int, target: str | int) -> "ImageStyle":
        """Give one instance (by id, or by class where it is the only one) or class the latent of an exemplar's.

        Exemplar-based control of an instance (Tan et al., CVPR 2021). INADE's released demo scales and shifts the
        instance's own noise by the exemplar's distribution. Here the exemplar's latent is copied: a sample of that
        distribution if it was encoded with a seed, else its mean. The demo also uses the shift's distribution for the
        scale, a mistake that `smis.models.inade.borrow` reproduces and this does not.

        Raises:
            StyleError: if there is no latent for each part, or one of the images does not have it.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> exemplar = synth.encode("photograph.png", "labels.png")
            >>> images = synth("labels.png", style.copy(exemplar, source=2, target=1))
        """
        self._require("copy")
        style, exemplar = self._paired(exemplar)
        parts = style._parts.clone()
        parts[:, style._part(target)] = exemplar._parts[:, exemplar._part(source)]
        return style._with_parts(parts)

    def on(self, labels: ArrayOrFile | LabelLayout, instances: ArrayOrFile | None = None) -> "ImageStyle":
        """Transfer the latents to other label maps: semantic manipulation (Zhu et al., CVPR 2020).

        Latents follow their classes, or where both layouts have instance maps, their instances by id. Parts without a
        latent are sampled, from the style's seed.

        Raises:
            LabelError: if the maps do not fit the checkpoint.
            StyleError: if the numbers of images do not go together, or the size needs latents of another shape.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> edited = style.labels.clone()
            >>> edited[:, :4] = 5  # paint shoes at the top; everything else keeps its latents
            >>> images = synth(edited, style.on(edited))
        """
        layout = self.model.read_layout(labels, instances, like=self.layout)
        if layout is self.layout:
            return self
        style = self if len(self) > 1 else self.repeat(len(layout))
        if len(style) % len(layout):
            raise StyleError(
                f"{len(layout)} label maps cannot share {len(style)} styles; give one style, or one for each"
            )
        if layout.size != self.layout.size:
            check_same_shapes(self.latents, self.model.sample(layout, seeds=(0,), samples=1))
        return style._transferred(layout)

    def save(self, path: str | Path) -> None:
        """Write the style as a safetensors file, for `synth.style(path)`.

        Raises:
            DiskError: if the file cannot be written.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> style.save("style.safetensors")
            >>> synth.style("style.safetensors")
            ImageStyle(1 image of INADE, 32 x 64)
        """
        style_file.save(check_path(path, "style"), self)

    def _paired(self, other: "ImageStyle") -> tuple["ImageStyle", "ImageStyle"]:
        """Bring two styles to the same number of images."""
        style_file.check_style(other)
        check_same_shapes(self.latents, other.latents)
        number = max(len(self), len(other))
        if not {len(self), len(other)} <= {1, number}:
            raise StyleError(
                f"a style of {len(self)} images and one of {len(other)} do not pair up; take one: style[0]"
            )
        return (
            self if len(self) == number else self.repeat(number),
            other if len(other) == number else other.repeat(number),
        )

    def _mask(self, classes: Collection[str | int] | None, instances: Collection[int] | None) -> Tensor | None:
        """Return for each part of each image whether it is named; None if no argument is given."""
        if classes is None and instances is None:
            return None
        part_classes = self._part_classes
        mask = torch.zeros_like(part_classes, dtype=torch.bool)
        if classes is not None:
            self._require("resample class")
            names = listed(classes, "classes", of="names or ids", error=StyleError)
            mask |= torch.isin(part_classes, torch.tensor([self._class(name) for name in names]))
        if instances is not None:
            self._require("resample instance")
            numbers = listed(instances, "instances", of="ids", error=StyleError)
            mask[:, [self._part(number) for number in numbers]] = True
        return mask

    def _transferred(self, layout: LabelLayout) -> "ImageStyle":
        seeds = self.seeds if len(self.seeds) == len(layout) else self.seeds[:1] * len(layout)
        if self._part_field is None or (self.model.varies == "class" and self.sampled):
            return replace(self, layout=layout, seeds=seeds)
        part_classes = layout.part_classes.repeat_interleave(len(self) // len(layout), dim=0)
        match = match_classes if layout.derived or self.layout.derived else match_slots
        matches = match(part_classes, self._part_classes)
        style = replace(self._with_parts(gather(self._parts, matches)), layout=layout, seeds=seeds)
        if style.latents.instance_classes is not None:
            instance_classes = part_classes.to(style.latents.instance_classes)
            style = replace(style, latents=replace(style.latents, instance_classes=instance_classes))
        new = (part_classes != ABSENT) & (matches == ABSENT)
        if not new.any():
            return style
        return replace(style, latents=self.model.sample_parts(style.latents, layout, new, seeds=seeds))

    @property
    def _part_field(self) -> str | None:
        return PARTS.get(self.model.varies)

    @property
    def _part_classes(self) -> PartClasses:
        return self.layout.part_classes.repeat_interleave(self.samples, dim=0)

    @property
    def _parts(self) -> Tensor:
        """The latents of the parts, of a system that has parts: (images, parts, ...)."""
        return self.latents.filled()[PARTS[self.model.varies]]

    def _with_parts(self, parts: Tensor) -> "ImageStyle":
        return replace(self, latents=replace(self.latents, **{PARTS[self.model.varies]: parts}))

    def _require(self, operation: Ability) -> None:
        reason = reason_against(operation, title=self.model.title, varies=self.model.varies)
        if reason is not None:
            raise StyleError(reason)

    def _class(self, name: str | int) -> int:
        """Return the id of a class that at least one image has."""
        class_id = self._class_id(name)
        if not bool((self._part_classes == class_id).any()):
            raise StyleError(f"the image has no {self.model.classes[class_id]}; it has: {self._present_classes()}")
        return class_id

    def _class_id(self, name: str | int) -> int:
        classes, number = self.model.classes, scalar(name)
        if isinstance(number, str) and number in classes:
            return classes.index(number)
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(classes):
            return number
        raise StyleError(f"there is no class {shown(number)}; there are: {self._list_classes(range(len(classes)))}")

    def _part(self, name: Any) -> int:
        """Return the number of a part that every image has: a class, an instance's id, or the class of one instance."""
        kind, number = "instance", scalar(name)
        if self.model.varies == "class":
            kind, number = "class", self._class(name)
        elif isinstance(number, str) and number in self.model.classes:
            number = self._only_instance(number)
        present = [part for part, common in enumerate((self._part_classes != ABSENT).all(dim=0).tolist()) if common]
        if not isinstance(number, int) or isinstance(number, bool) or number not in present:
            first = self._part_classes[0].tolist()
            names = ", ".join(f"{part} ({self.model.classes[first[part]]})" for part in present) or "none"
            raise StyleError(f"the image has no {kind} {shown(number)}; there are: {names}")
        return number

    def _only_instance(self, name: str) -> int | str:
        """Return the id of the instance of a class, or the name where an image has none or several."""
        of_class = self._part_classes == self.model.classes.index(name)
        instances = of_class.all(dim=0).nonzero().flatten().tolist()
        if len(instances) == 1 and bool((of_class.sum(dim=1) == 1).all()):
            return instances[0]
        if len(instances) > 1:
            ids = ", ".join(map(str, instances))
            raise StyleError(f"the image has {len(instances)} instances of {name}; name one by its id: {ids}")
        return name

    def _present_classes(self) -> str:
        return self._list_classes(id for id in self._part_classes.flatten().tolist() if id != ABSENT)

    def _list_classes(self, ids: Iterable[int]) -> str:
        return ", ".join(f"{self.model.classes[id]} ({id})" for id in sorted(set(ids))) or "none"
