import pytest
import torch
from torch.nn import functional

from smis.nn.instance_encoder import InstanceAwareConv2d, averaged_taps

SLOTS = 4


def loop_form(conv, x, instances):
    """The definition, tap by tap."""
    stride, (height, width) = conv.stride[0], x.shape[2:]
    out = conv.bias[None, :, None, None].repeat(len(x), 1, height // stride, width // stride)
    for b, i, j in torch.cartesian_prod(*(torch.arange(n) for n in (len(x), height // stride, width // stride))):
        for row, column in torch.cartesian_prod(torch.arange(3), torch.arange(3)):
            y, z = stride * i + row - 1, stride * j + column - 1
            inside = 0 <= y < height and 0 <= z < width
            if inside and instances[b, y, z] == instances[b, stride * i, stride * j]:
                out[b, :, i, j] += conv.weight[:, :, row, column] @ x[b, :, y, z]
    return out


def example():
    torch.manual_seed(0)
    # the last slot stays empty
    return torch.randn(2, 3, 8, 6), torch.randint(SLOTS - 1, (2, 4, 3)).repeat_interleave(2, 1).repeat_interleave(2, 2)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_tap_counts_only_inside_the_instance_of_the_center(stride):
    x, instances = example()
    conv = InstanceAwareConv2d(3, 5, stride=stride)
    with torch.no_grad():
        torch.testing.assert_close(conv(x, instances), loop_form(conv, x, instances))


def test_one_instance_everywhere_is_a_plain_convolution():
    x, instances = example()
    conv = InstanceAwareConv2d(3, 5, stride=2)
    plain = functional.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)
    torch.testing.assert_close(conv(x, torch.full_like(instances, 2)), plain)


def test_pixels_of_one_instance_do_not_reach_another():
    x, instances = example()
    conv = InstanceAwareConv2d(3, 5)
    recolored = torch.where((instances == 1)[:, None], x + 1, x)
    changed = (conv(x, instances) != conv(recolored, instances)).any(dim=1)
    assert not changed[instances != 1].any()


def test_averaging_taps_first_equals_averaging_the_convolution():
    x, instances = example()
    conv = InstanceAwareConv2d(3, 5)
    convolved = loop_form(conv, x, instances)
    averages = torch.einsum("bsckl,fckl->bsf", averaged_taps(x, instances, slots=SLOTS), conv.weight)
    assert conv.bias is not None
    averages += conv.bias
    for picture in range(2):
        for slot in instances[picture].unique():
            expected = convolved[picture, :, instances[picture] == slot].mean(dim=1)
            torch.testing.assert_close(averages[picture, slot], expected)


def test_an_empty_slot_averages_to_zero():
    x, instances = example()
    assert not averaged_taps(x, instances, slots=SLOTS)[:, SLOTS - 1].any()
