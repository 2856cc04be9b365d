"""The published training of a system, as data."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from smis.core.config import Config


class Recipe(Config):
    """The published training of one preset; with the number of images it gives the section `train` of params.yaml.

    Sizes are (height, width) in pixels. Where `load` is larger than `crop`, images are resized to `load` and cropped
    to `crop` at a random position; test images are resized to `crop`. `source` names the paper or code.

    Example:
        >>> recipe = Recipe(source="paper, 4", batch=32, epochs=100, decay_epochs=100)
        >>> recipe.steps(images=1000), recipe.training(images=1000)["decay_from"]
        (6200, 3100)
    """

    source: str
    batch: PositiveInt
    """Global batch size."""
    epochs: PositiveInt
    """Epochs at the initial learning rate."""
    decay_epochs: NonNegativeInt = 0
    """Epochs of linear decay after those."""
    lr_generator: PositiveFloat = 1e-4
    lr_discriminator: PositiveFloat = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)
    ema: float | None = Field(default=None, exclude_if=lambda value: value is None)
    """Decay of the moving average, of systems that were published with one."""
    load: tuple[PositiveInt, PositiveInt] = (256, 256)
    crop: tuple[PositiveInt, PositiveInt] = (256, 256)
    flip: bool = True
    note: str = Field(default="", description="what the numbers do not say")

    def steps(self, images: int) -> int:
        """Return the steps of the whole training on a number of images; the last, smaller batch is dropped."""
        return max(1, images // self.batch) * (self.epochs + self.decay_epochs)

    def training(self, images: int) -> dict[str, object]:
        """Return the section `train` of params.yaml for a number of images."""
        per_epoch = max(1, images // self.batch)
        decay = {"decay_from": per_epoch * self.epochs} if self.decay_epochs else {}
        return {
            "steps": self.steps(images),
            "batch": self.batch,
            "lr_generator": self.lr_generator,
            "lr_discriminator": self.lr_discriminator,
            "betas": list(self.betas),
            **({} if self.ema is None else {"ema": self.ema}),
            **decay,
            "flip": self.flip,
        }
