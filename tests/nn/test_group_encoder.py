"""Computing only the classes that are present gives what computing all of them gives."""

import pytest
import torch
from torch import Tensor, nn

from smis.nn.class_crops import Crops, class_crops
from smis.nn.group_encoder import GroupEncoder

CLASSES, LATENT = 6, 2


def made() -> GroupEncoder:
    torch.manual_seed(0)
    encoder = GroupEncoder(classes=CLASSES, width=2 * CLASSES, latent=LATENT, layers=3).double()
    for head in (encoder.fc_mu, encoder.fc_var):
        assert head.bias is not None
        nn.init.normal_(head.bias)
    return encoder


def straightforward(encoder: GroupEncoder, crops: Crops) -> tuple[Tensor, Tensor]:
    x = crops.dense()
    for layer in range(encoder.layers):
        x = nn.functional.leaky_relu(encoder.get_submodule(f"layer{layer + 1}")(x), 0.2)
    return encoder.fc_mu(x).unflatten(1, (CLASSES, -1)), encoder.fc_var(x).unflatten(1, (CLASSES, -1))


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param([[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]], id="all"),
        pytest.param([[1, 4], [4, 1]], id="the same few"),
        pytest.param([[0], [5]], id="others in each picture"),
        pytest.param([[3, 0, 5]], id="one picture"),
    ],
)
def test_codes_and_gradients_are_those_of_all_classes(shown):
    encoder = made().eval()
    labels = torch.stack([torch.tensor(classes).repeat_interleave(24 // len(classes)) for classes in shown])
    labels = labels[:, None].expand(-1, 16, -1)
    image = torch.randn(len(shown), 3, 16, 24, dtype=torch.float64)
    crops = class_crops(image, labels, classes=CLASSES)
    ours, theirs = encoder(crops), straightforward(encoder, crops)
    pull = torch.randn_like(ours[0])
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)
    gradients = [
        torch.autograd.grad((mean * pull + variance.square()).sum(), list(encoder.parameters()), allow_unused=True)
        for mean, variance in (ours, theirs)
    ]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other)


def test_in_training_spectral_normalization_advances_once():
    encoder, other = made(), made()
    crops = class_crops(torch.randn(1, 3, 16, 24).double(), torch.zeros(1, 16, 24).long(), classes=CLASSES)
    for mine, theirs in zip(encoder(crops), straightforward(other, crops), strict=True):
        torch.testing.assert_close(mine, theirs)
    for (name, mine), theirs in zip(encoder.named_buffers(), other.buffers(), strict=True):
        assert torch.equal(mine, theirs), name


def test_a_whole_image_may_be_the_one_class():
    torch.manual_seed(0)
    encoder = GroupEncoder(classes=1, width=4, latent=LATENT, layers=2)
    mean, _ = encoder(Crops.whole(torch.randn(3, 3, 8, 8)))
    assert mean.shape == (3, 1, LATENT, 2, 2)
