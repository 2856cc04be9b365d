"""Dropout whose masks are a step's own draws."""

from jaxtyping import Float
from torch import Tensor

from smis.core.seeding import Noise


def drop_half(x: Float[Tensor, "b c h w"], noise: Noise) -> Float[Tensor, "b c h w"]:
    """Set each number to 0 with probability 1/2, and double the others.

    Srivastava et al., "Dropout" (JMLR 2014), 10. Masks are drawn from `noise`, not from torch's own generator, so that
    a resumed run and many processes drop what one uninterrupted process drops.
    """
    kept = noise.normal(*x.shape, device=x.device) > 0
    return x * (2 * kept.to(x.dtype))
