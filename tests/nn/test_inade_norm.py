import pytest
import torch
from torch.nn import functional

from smis.nn.inade_norm import InadeNorm, InstancePyramid

CLASSES, SLOTS, NOISE, CHANNELS = 5, 7, 3, 4


def one_hot_form(norm, x, labels, instances, noise):
    """The released form: one-hot maps, resized as pictures, times the tables."""

    def channels(ids, count):
        full = functional.one_hot(ids, count).permute(0, 3, 1, 2).float()
        return functional.interpolate(full, size=x.shape[2:], mode="nearest")

    classes, slots = channels(labels, CLASSES), channels(instances, SLOTS)
    drawn = norm.fc_noise(noise)
    scale, shift = (
        torch.einsum("kc,bkhw->bchw", norm.weight[:, :, t], classes)
        * torch.einsum("bsc,bshw->bchw", drawn[:, :, t], slots)
        + torch.einsum("kc,bkhw->bchw", norm.bias[:, :, t], classes)
        for t in (0, 1)
    )
    return scale * functional.batch_norm(x, None, None, training=True) + shift


def example(size):
    torch.manual_seed(0)
    norm = InadeNorm(CHANNELS, classes=CLASSES, noise=NOISE)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, CHANNELS, *size, requires_grad=True)
    labels, instances = torch.randint(CLASSES, (2, 24, 16)), torch.randint(SLOTS, (2, 24, 16))
    noise = torch.randn(2, SLOTS, 2, NOISE, requires_grad=True)
    return norm, x, labels, instances, noise


@pytest.mark.parametrize("size", [(24, 16), (12, 8), (6, 4), (3, 2), (5, 7)])
def test_looking_up_equals_multiplying_one_hot_maps(size):
    norm, x, labels, instances, noise = example(size)
    ours = norm(x, InstancePyramid(labels, instances, noise).at(*size))
    theirs = one_hot_form(norm, x, labels, instances, noise)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(24, 16), (3, 2)])
def test_gradients_equal_those_of_one_hot_maps(size):
    norm, x, labels, instances, noise = example(size)
    wanted = [x, noise, norm.weight, norm.bias, norm.fc_noise.weight]
    pull = torch.randn(2, CHANNELS, *size)
    ours = torch.autograd.grad((norm(x, InstancePyramid(labels, instances, noise).at(*size)) * pull).sum(), wanted)
    theirs = torch.autograd.grad((one_hot_form(norm, x, labels, instances, noise) * pull).sum(), wanted)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, atol=1e-4, rtol=1e-4)


def test_another_draw_of_one_instance_changes_only_its_places():
    norm, x, labels, instances, noise = example((24, 16))
    redrawn = noise.detach().clone()
    redrawn[:, 3] += 1
    before, after = (norm(x, InstancePyramid(labels, instances, draw).at(24, 16)) for draw in (noise, redrawn))
    changed = (before != after).any(dim=1)
    assert torch.equal(changed, instances == 3)


def test_a_size_is_worked_out_once():
    _, _, labels, instances, noise = example((3, 2))
    layout = InstancePyramid(labels, instances, noise)
    assert layout.at(3, 2) is layout.at(3, 2)


def test_with_a_sketch_lines_are_merged_with_what_class_and_instance_say():
    _, x, labels, instances, noise = example((12, 8))
    norm = InadeNorm(CHANNELS, classes=CLASSES, noise=NOISE, sketch=True)
    lines = torch.rand(2, 1, 24, 16)
    ours = norm(x, InstancePyramid(labels, instances, noise, lines).at(12, 8))
    changed = one_hot_form(norm, x, labels, instances, noise)
    drawn = norm.sketch_conv(lines[:, :, ::2, ::2])
    torch.testing.assert_close(ours, norm.merge_conv(torch.cat([changed, drawn], dim=1)), atol=1e-5, rtol=1e-5)
