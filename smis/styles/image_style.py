"""The style of images: resample, mix, morph, copy, and transfer to other label maps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from smis.core.errors import StyleError
from smis.styles import style_file
from smis.styles.inputs import ArrayOrFile
from smis.styles.label_layout import ABSENT, LabelLayout
from smis.styles.latents import (
    check_same_shapes,
    expand,
    filled_fields,
    gather,
    interpolate,
    match_classes,
    match_slots,
)
from smis.styles.style_batch import StyleBatch, expand_seeds


@dataclass(frozen=True, eq=False, repr=False)
class ImageStyle(StyleBatch):
    """The latents of one or many images, and the layout that they belong to; every operation returns a new one.

    Made by `synth.sample`, `synth.encode` and `synth.style`. Classes are given by name or by id.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> styles = synth.sample("labels.png", samples=3)
        >>> len(styles), styles[0]
        (3, ImageStyle(1 image of INADE, 32 x 64))
    """

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
        self._check_style("resample it")
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
        """
        self._check_parts("mix classes")
        style, other = self._paired(other)
        matches = match_classes(style._part_classes, other._part_classes, cycle=True)
        weight = torch.zeros(style._part_classes.shape)
        for name, share in weights.items():
            class_id = style._class(name)
            _check_weight(share, f"the weight of {self.model.classes[class_id]}")
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
        """
        self._check_style("morph it")
        _check_weight(amount, "the amount")
        style, other = self._paired(other)
        matches = match_classes(style._part_classes, other._part_classes, cycle=True)
        ends = filled_fields(other.latents)
        changed: dict[str, Tensor] = {}
        for name, start in filled_fields(style.latents).items():
            if name == self._part_field:
                weight = (matches != ABSENT) * float(amount)
                changed[name] = interpolate(start, gather(ends[name], matches), weight, spherical=spherical)
            elif start.is_floating_point():
                weight = torch.full(start.shape[:1], float(amount))
                changed[name] = interpolate(start, ends[name], weight, spherical=spherical)
        return replace(style, latents=replace(style.latents, **changed), sampled=style.sampled and other.sampled)

    def copy(self, exemplar: "ImageStyle", *, source: str | int, target: str | int) -> "ImageStyle":
        """Give one instance (by id) or class the latent of an instance or class of an exemplar.

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
        self._check_parts("copy a part of it")
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
        style_file.save(Path(path), self)

    def _paired(self, other: "ImageStyle") -> tuple["ImageStyle", "ImageStyle"]:
        """Bring two styles to the same number of images."""
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
            self._check_parts("resample a class")
            names = [classes] if isinstance(classes, str) else classes
            mask |= torch.isin(part_classes, torch.tensor([self._class(name) for name in names]))
        if instances is not None:
            self._check_instances("resample an instance")
            mask[:, [self._part(number) for number in instances]] = True
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


def _check_weight(weight: float, name: str) -> None:
    if not 0 <= weight <= 1:
        raise StyleError(f"{name} is {weight:g}; give 0 (this style) to 1 (the other)")
