"""How long a training lasts, how fast it learns, how often it looks up."""

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from smis.core.config import Config
from smis.training.precision import Precision


class TrainingConfig(Config):
    """How long, how fast, and how often to look; the released code's two learning rates and betas are the defaults."""

    steps: PositiveInt = 2000
    batch: PositiveInt = 16
    """Label maps in one step, over all processes together."""
    lr_generator: PositiveFloat = 1e-4
    lr_discriminator: PositiveFloat = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)
    decay_from: int | None = Field(default=None, ge=0)
    """The step after which the learning rates fall linearly to the last step; without one, they stay."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    precision: Precision = "float32"
    channels_last: bool = False
    """Whether the networks' numbers lie place by place in memory, which convolutions in bf16 on a GPU want."""
    compile: bool = False
    """Whether torch.compile fuses the networks; minutes at the start, and again for each new size."""
    reuse_image: bool = False
    """Whether the discriminator sees the image of the generator's step, as in pix2pixHD's release, or one made anew."""
    accumulate: PositiveInt = 1
    """Shares of a process's label maps that are computed one after the other, where memory is short. Each is a forward
    pass of its own: batch statistics and spectral vectors see shares."""
    flip: bool = True
    workers: int = Field(default=0, ge=0)
    """Processes that read data, for each process that trains; 0 reads in a thread."""
    log_every: PositiveInt = 20
    save_every: PositiveInt = 100
    keep: PositiveInt = 2
    """Saved states that stay, the newest; the best stays too."""
    explodes_at: PositiveFloat = 1e6
    """Training stops where a term's absolute value is above it."""
    grid_every: PositiveInt = 500

    @property
    def rhythm(self) -> tuple[int, int, int]:
        """Every how many steps to log, to draw a grid, to save."""
        return self.log_every, self.grid_every, self.save_every

    @model_validator(mode="after")
    def _batch_is_shared_evenly(self) -> "TrainingConfig":
        if self.batch % self.accumulate:
            raise ValueError(f"accumulate is {self.accumulate}, which does not divide a batch of {self.batch}")
        return self

    @model_validator(mode="after")
    def _decay_fits(self) -> "TrainingConfig":
        if self.decay_from is not None and self.decay_from >= self.steps:
            raise ValueError(f"decay_from is {self.decay_from}, which is not before the last of {self.steps} steps")
        return self
