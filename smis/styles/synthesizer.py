"""The library's entry: `load` a checkpoint, then sample, encode and synthesize."""

from collections.abc import Sequence
from pathlib import Path

import torch

from smis.core.device import usable_device
from smis.core.errors import ParamsError, naming
from smis.core.numbers import MOST_IMAGES, whole, whole_seed
from smis.core.process_settings import keep_freed_memory
from smis.core.shapes import Image
from smis.styles import style_file
from smis.styles.abilities import Ability, all_abilities
from smis.styles.image_style import ImageStyle
from smis.styles.inference import InferenceModel, Precision, SizedNetworks
from smis.styles.inputs import ArrayOrFile, check_path, expand_seeds, file_name, read_image, read_sketch
from smis.styles.label_layout import LabelLayout


def load(
    path: str | Path,
    *,
    device: str | torch.device | None = None,
    precision: Precision = "float32",
    channels_last: bool = False,
    compile: bool = False,
) -> "Synthesizer":
    """Load a checkpoint, onto the GPU if there is one; the process then keeps up to 2 GiB of freed memory (glibc).

    Args:
        path: A .safetensors file that `train` wrote or `smis import-checkpoint` made, a folder with such a
            `checkpoint.safetensors`, or `zoo:NAME`, a model that comes with the package.
        device: For instance "cpu" or "cuda:1".
        precision: "bfloat16" computes under autocast.
        channels_last: Memory format of the weights, faster on most GPUs.
        compile: Whether to compile the generator on first use.

    The last three may change the last digits of images.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit its system.
        ParamsError: if there is no such device or precision.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> synth
        Synthesizer(INADE, varies instance, 6 classes, 32 x 64, cpu, float32)
    """
    path, chosen_device = check_path(path, "checkpoint"), usable_device(device)
    if precision not in ("float32", "bfloat16"):
        raise ParamsError(f"precision is {precision!r}; give 'float32' or 'bfloat16'")
    keep_freed_memory()
    networks = SizedNetworks(path, device=chosen_device, channels_last=channels_last, compiled=compile)
    return Synthesizer(InferenceModel(networks, device=chosen_device, precision=precision))


class Synthesizer:
    """Synthesize images from label maps and styles: `synth(labels, style)`.

    Label and instance maps are integers, (h, w) or (b, h, w), NumPy or torch, or a PIL image or file of one. Without
    instance maps each class is one instance. Images are floats -1..1, (3, h, w) or (b, 3, h, w), or uint8 (h, w, 3), a
    PIL image or a file. Any size that the architecture allows works, not only the trained one.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> synth("labels.png").shape
        torch.Size([1, 3, 32, 64])
    """

    def __init__(self, model: InferenceModel) -> None:
        self._model = model

    @property
    def classes(self) -> list[str]:
        """Names by class id."""
        return list(self._model.classes)

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """Colors (RGB, 0..255) by class id."""
        return self._model.networks.palette

    @property
    def varies(self) -> str:
        """What has a latent of its own: nothing, the whole image ("global"), each class or each instance."""
        return self._model.varies

    @property
    def abilities(self) -> dict[Ability, str | None]:
        """For each operation on styles None, or why this checkpoint cannot do it."""
        networks = self._model.networks
        return all_abilities(
            title=self._model.title,
            varies=self.varies,
            encoding=networks.reason_against_encoding,
            sampling=networks.reason_against_sampling,
        )

    @property
    def system(self) -> str:
        """Name of the system in the registry, as `smis systems` lists it."""
        return self._model.networks.system

    @property
    def title(self) -> str:
        """Name of the system as its paper writes it."""
        return self._model.title

    @property
    def dataset(self) -> str:
        """Name of the data set that it was trained on, "" if the checkpoint does not say."""
        return self._model.networks.dataset

    @property
    def parameters(self) -> int:
        """Number of the generator's parameters."""
        return sum(each.numel() for each in self._model.networks.trained.generator.parameters())

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images it was trained on."""
        return self._model.networks.size

    @property
    def device(self) -> torch.device:
        """Where it computes and where its images are."""
        return self._model.device

    def __repr__(self) -> str:
        height, width = self.size
        encoder = "" if self._model.networks.encodes else ", no encoder"
        summary = f"{self._model.title}, varies {self.varies}{encoder}, {len(self.classes)} classes"
        return f"Synthesizer({summary}, {height} x {width}, {self.device}, {self._model.precision})"

    def layout(self, labels: ArrayOrFile | LabelLayout, instances: ArrayOrFile | None = None) -> LabelLayout:
        """Check maps and compute what depends on them alone, once for many styles.

        It replaces the labels in every call: `synth(layout, style)`, `synth.sample(layout)`.

        Raises:
            LabelError: if the maps do not fit the checkpoint.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> layout = synth.layout("labels.png")
            >>> images = [synth(layout, synth.sample(layout, seed=seed)) for seed in range(3)]
        """
        return self._model.prepare(self._model.read_layout(labels, instances))

    def sample(
        self,
        labels: ArrayOrFile | LabelLayout,
        instances: ArrayOrFile | None = None,
        *,
        seed: int | Sequence[int] = 0,
        samples: int = 1,
    ) -> ImageStyle:
        """Sample styles; a seed gives the same ones on every device and in every batch.

        `samples` gives as many for each label map, one after the other. For different styles give a seed for each label
        map: `seed=range(len(labels))`.

        Raises:
            LabelError: if the maps do not fit the checkpoint.
            ParamsError: if `seed` is no whole number from 0, or `samples` none from 1 to 100,000.
            StyleError: if the checkpoint has nothing to sample from, as an imported one of SEAN.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> synth.sample("labels.png", seed=7, samples=4)
            ImageStyle(4 images of INADE, 32 x 64)
        """
        self._model.check_sampling()
        layout = self._model.read_layout(labels, instances)
        seeds = expand_seeds(seed, len(layout))
        samples = whole(samples, "samples", low=1, high=max(1, MOST_IMAGES // len(layout)))
        latents = self._model.sample(layout, seeds=seeds, samples=samples)
        return ImageStyle(self._model, layout, latents, seeds, sampled=True)

    def encode(
        self,
        image: ArrayOrFile,
        labels: ArrayOrFile | LabelLayout,
        instances: ArrayOrFile | None = None,
        *,
        seed: int | None = None,
    ) -> ImageStyle:
        """Encode photographs: the most likely style, or with a seed, a sample of its distribution.

        Raises:
            ImageError, LabelError: if images or maps do not fit each other or the checkpoint.
            StyleError: if there is no encoder.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> synth.encode("photograph.png", "labels.png")
            ImageStyle(1 image of INADE, 32 x 64)
        """
        layout = self._model.read_layout(labels, instances)
        seed = None if seed is None else whole_seed(seed)
        with naming(file_name(image)):
            latents = self._model.encode(read_image(image), layout, seed=seed)
        return ImageStyle(self._model, layout, latents, expand_seeds(seed or 0, len(layout)), sampled=False)

    def validate(
        self,
        labels: ArrayOrFile | LabelLayout,
        instances: ArrayOrFile | None = None,
        *,
        image: ArrayOrFile | None = None,
    ) -> None:
        """Check maps, and an image that is to be encoded, without computing anything.

        Raises:
            ImageError, LabelError: if images or maps do not fit each other or the checkpoint.
            StyleError: if there is an image, but no encoder.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> synth.validate("labels.png", image="photograph.png")
        """
        layout = self._model.read_layout(labels, instances)
        if image is not None:
            with naming(file_name(image)):
                self._model.check_image(read_image(image), layout)

    def style(self, path: str | Path) -> ImageStyle:
        """Read a style that `style.save(path)` wrote.

        Raises:
            StyleError: if the file is no style, or one of another system.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> synth.sample("labels.png").save("style.safetensors")
            >>> style = synth.style("style.safetensors")
        """
        return ImageStyle(**style_file.read(check_path(path, "style"), self._model))

    def __call__(
        self,
        labels: ArrayOrFile | LabelLayout,
        style: ImageStyle | None = None,
        instances: ArrayOrFile | None = None,
        *,
        sketch: ArrayOrFile | None = None,
    ) -> Image:
        """Synthesize images, (b, 3, h, w) float32 in -1..1; without a style, that of seed 0.

        One label map serves many styles, and one style many label maps. On other labels than the style's own, latents
        follow their classes or instances, and new ones are sampled (`ImageStyle.on`). A `sketch` of lines is for
        systems that were trained with sketches.

        Raises:
            LabelError: if the maps do not fit the checkpoint.
            StyleError: if the style does not fit them.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> images = synth("labels.png", style)
            >>> images.shape, images.dtype
            (torch.Size([1, 3, 32, 64]), torch.float32)
        """
        if style is None:
            style = self.sample(labels, instances)
        style = style_file.convert(style, self._model).on(labels, instances)
        lines = None if sketch is None else read_sketch(sketch)
        return self._model.synthesize(style.layout, style.latents, lines)
