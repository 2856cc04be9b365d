"""What can be done with the style of pictures."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from smis.core.errors import StyleError
from smis.styles import codes, store
from smis.styles.coded import Coded
from smis.styles.inputs import Given
from smis.styles.layout import ABSENT, Layout
from smis.styles.parts import Owners, between, chosen_from, gathered, same_class, same_slot


@dataclass(frozen=True, eq=False, repr=False)
class PictureStyle(Coded):
    """The codes of one or many pictures, and the layout that they belong to; every change makes a new one.

    Made by `synth.sample`, `synth.encode` and `synth.style`. Classes are given by name or by id.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> styles = synth.sample("labels.png", samples=3)
        >>> len(styles), styles[0]
        (3, PictureStyle(1 picture of INADE, 32 x 64))
    """

    def resample(
        self,
        classes: Collection[str | int] | None = None,
        instances: Collection[int] | None = None,
        *,
        seed: int | Sequence[int] = 1,
    ) -> "PictureStyle":
        """Give some classes or instances, or without any named everything, the codes of `draw(labels, seed=seed)`.

        Semantically multi-modal synthesis (Zhu et al., CVPR 2020).

        Raises:
            StyleError: if the system does not vary what is asked for, or the pictures do not have it.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> style.resample(classes=["hair"], seed=1)
            PictureStyle(1 picture of INADE, 32 x 64)
        """
        self._check_style("draw one anew")
        chosen = self._chosen(classes, instances)
        fresh = self.painter.sample(self.layout, seeds=self._seeds_of(seed), samples=self.samples)
        if chosen is None:
            return replace(self, codes=fresh, drawn=True)
        return self._with_parts(chosen_from(self._parts, replace(self, codes=fresh)._parts, chosen))

    def mix(
        self, other: "PictureStyle", weights: Mapping[str | int, float], *, spherical: bool = True
    ) -> "PictureStyle":
        """Give classes the other style's appearance: with weight 1 its codes, with less what lies between.

        Appearance mixture (Zhu et al., CVPR 2020). Of instances, the first of a class takes from the other's first, and
        so on; if there are fewer, they serve again.

        Raises:
            StyleError: if there is no code for each class, or one of the two styles does not have a class.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> exemplar = synth.encode("photograph.png", "labels.png")
            >>> images = synth("labels.png", style.mix(exemplar, {"hair": 1.0, "face": 0.5}))
        """
        self._check_parts("mix classes")
        ours, theirs = self._paired(other)
        partners = same_class(ours._owners, theirs._owners, again=True)
        weight = torch.zeros(ours._owners.shape)
        for given, share in weights.items():
            number = ours._class(given)
            ours._check_share(share, f"the weight of {self.painter.classes[number]}")
            own = ours._owners == number
            if bool((partners[own] == ABSENT).any()):
                theirs._class(number)
                raise StyleError(f"not every picture of the other style has {self.painter.classes[number]}")
            weight[own] = share
        return ours._with_parts(between(ours._parts, gathered(theirs._parts, partners), weight, spherical=spherical))

    def morph(self, other: "PictureStyle", amount: float, *, spherical: bool = True) -> "PictureStyle":
        """Go toward another style: 0 is this one, 1 the other; parts that the other does not have stay.

        Style morphing (Zhu et al., CVPR 2020), there on a straight line, here on a sphere unless asked otherwise, as
        codes are Gaussian.

        Raises:
            StyleError: if the system has no style, or `amount` is not in 0..1.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> end = synth.sample("labels.png", seed=1)
            >>> frames = [synth("labels.png", style.morph(end, step / 4)) for step in range(5)]
        """
        self._check_style("morph one")
        self._check_share(amount, "the amount")
        ours, theirs = self._paired(other)
        partners = same_class(ours._owners, theirs._owners, again=True)
        yours = codes.named(theirs.codes)
        changed: dict[str, Tensor] = {}
        for name, mine in codes.named(ours.codes).items():
            if name == self._field:
                weight = (partners != ABSENT) * float(amount)
                changed[name] = between(mine, gathered(yours[name], partners), weight, spherical=spherical)
            elif mine.is_floating_point():
                weight = torch.full(mine.shape[:1], float(amount))
                changed[name] = between(mine, yours[name], weight, spherical=spherical)
        return replace(ours, codes=replace(ours.codes, **changed), drawn=ours.drawn and theirs.drawn)

    def copy(self, exemplar: "PictureStyle", *, source: str | int, target: str | int) -> "PictureStyle":
        """Give one instance (by id) or class the code of an instance or class of an exemplar.

        Exemplar-based control of an instance (Tan et al., CVPR 2021). INADE's released demo scales and moves the
        instance's own noise by the exemplar's distribution. That is what an exemplar brings that was encoded with a
        seed, but for the noise; one encoded without brings the middle of the distribution. The demo also takes the
        shift's distribution for the scale, a slip that `smis.models.inade.borrow` repeats and this does not.

        Raises:
            StyleError: if there is no code for each part, or one of the pictures does not have it.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> exemplar = synth.encode("photograph.png", "labels.png")
            >>> images = synth("labels.png", style.copy(exemplar, source=2, target=1))
        """
        self._check_parts("copy a part of it")
        ours, theirs = self._paired(exemplar)
        changed = ours._parts.clone()
        changed[:, ours._part(target)] = theirs._parts[:, theirs._part(source)]
        return ours._with_parts(changed)

    def on(self, labels: Given | Layout, instances: Given | None = None) -> "PictureStyle":
        """Carry the codes over to other label maps: semantic manipulation (Zhu et al., CVPR 2020).

        Codes follow their classes, or where both layouts have instance maps, their instances by id. What has no code
        yet is drawn, from the style's seed.

        Raises:
            LabelError: if the maps do not fit the checkpoint.
            StyleError: if the numbers of pictures do not go together, or the size needs codes of another shape.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> edited = style.labels.clone()
            >>> edited[:, :4] = 5  # paint shoes at the top; everything else keeps its codes
            >>> images = synth(edited, style.on(edited))
        """
        layout = self.painter.read(labels, instances, like=self.layout)
        if layout is self.layout:
            return self
        style = self if len(self) > 1 else self.repeat(len(layout))
        if len(style) % len(layout):
            raise StyleError(
                f"{len(layout)} label maps cannot share {len(style)} styles; give one style, or one for each"
            )
        if layout.size != self.layout.size:
            codes.check_alike(self.codes, self.painter.sample(layout, seeds=(0,), samples=1))
        return style._carried(layout)

    def save(self, path: str | Path) -> None:
        """Write the style as a safetensors file, for `synth.style(path)`.

        Raises:
            DiskError: if the file cannot be written.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> style.save("style.safetensors")
            >>> synth.style("style.safetensors")
            PictureStyle(1 picture of INADE, 32 x 64)
        """
        store.save(Path(path), self)

    def _chosen(self, classes: Collection[str | int] | None, instances: Collection[int] | None) -> Tensor | None:
        """Say of each part of each picture whether it is named; nothing if nothing is named at all."""
        if classes is None and instances is None:
            return None
        owners = self._owners
        chosen = torch.zeros_like(owners, dtype=torch.bool)
        if classes is not None:
            self._check_parts("draw a class anew")
            chosen |= torch.isin(owners, torch.tensor([self._class(given) for given in _many(classes)]))
        if instances is not None:
            self._check_instances("draw an instance anew")
            chosen[:, [self._part(number) for number in instances]] = True
        return chosen

    def _check_share(self, share: float, what: str) -> None:
        if not 0 <= share <= 1:
            raise StyleError(f"{what} is {share:g}; give 0 (this style) to 1 (the other)")

    def _carried(self, layout: Layout) -> "PictureStyle":
        seeds = self.seeds if len(self.seeds) == len(layout) else self.seeds[:1] * len(layout)
        if self._field is None or (self.painter.varies == "class" and self.drawn):
            return replace(self, layout=layout, seeds=seeds)
        owners = layout.owners.repeat_interleave(len(self) // len(layout), dim=0)
        partners = self._partners(owners, derived=layout.derived or self.layout.derived)
        moved = replace(self._with_parts(gathered(self._parts, partners)), layout=layout, seeds=seeds)
        if moved.codes.instance_classes is not None:
            here = owners.to(moved.codes.instance_classes)
            moved = replace(moved, codes=replace(moved.codes, instance_classes=here))
        new = (owners != ABSENT) & (partners == ABSENT)
        return replace(moved, codes=self.painter.fill(moved.codes, layout, new, seeds=seeds)) if new.any() else moved

    def _partners(self, owners: Owners, *, derived: bool) -> Tensor:
        return same_class(owners, self._owners) if derived else same_slot(owners, self._owners)


def _many(classes: Collection[str | int]) -> Collection[str | int]:
    """A single name is a collection of letters, which no one means."""
    return [classes] if isinstance(classes, str) else classes
