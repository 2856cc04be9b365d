import pytest
import torch

from smis.core.errors import ParamsError
from smis.nn.segmentation_discriminator import DownBlock, SegmentationDiscriminatorConfig, UpBlock


def test_an_image_gets_a_logit_for_generated_and_for_each_class_at_every_pixel() -> None:
    network = SegmentationDiscriminatorConfig(width=4, multiples=(2, 3)).build(classes=5)
    assert network(torch.zeros(2, 3, 12, 20)).shape == (2, 6, 12, 20)


def test_an_image_that_cannot_be_halved_so_often_is_refused_with_the_remedy() -> None:
    with pytest.raises(ParamsError, match=r"96 x 64 6 times: both sides must be multiples of 64; set fewer `discr"):
        SegmentationDiscriminatorConfig().check_size(96, 64)


def test_the_shortcut_is_the_released_order_of_averaging_and_convolving() -> None:
    down, up = (block.double().eval() for block in (DownBlock(4, 6, first=False), UpBlock(4, 6)))
    x = torch.rand(1, 4, 8, 8, dtype=torch.float64)
    pool, double = torch.nn.AvgPool2d(2), torch.nn.Upsample(scale_factor=2)
    with torch.no_grad():
        torch.testing.assert_close(down(x), pool(down.conv_s(x)) + pool(down.conv2(down.conv1(x))))
        torch.testing.assert_close(up(x), up.conv_s(double(x)) + up.conv2(up.conv1(x)))
