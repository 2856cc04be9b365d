import torch

from smis.core.seeding import Noise, generator


def test_a_purpose_gives_the_same_draws_again_and_other_purposes_others() -> None:
    first, again, other = (
        torch.randn(8, generator=generator(0, *purpose)) for purpose in [("a", 1), ("a", 1), ("a", 2)]
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_draws_are_the_same_however_the_batch_is_split() -> None:
    whole = Noise(generator(0)).normal(6, 3)
    parts = [Noise(generator(0), share=part, shares=3).normal(2, 3) for part in range(3)]
    assert torch.equal(torch.cat(parts), whole)
