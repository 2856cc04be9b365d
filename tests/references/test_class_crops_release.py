"""The input of GroupDNet's encoder, pixel for pixel against the authors' released code."""

import torch

from smis.nn.class_crops import class_crops
from tests.references.released import read


def test_each_class_is_cut_out_as_released():
    released = read("class_crops")
    crops = class_crops(released["image"].float() / 127.5 - 1, released["labels"].long(), classes=8).dense()
    # a code is a value's level on disk, and 256 where the value is exactly 0, which no level gives
    codes = torch.where(crops == 0, 256, ((crops + 1) * 127.5).round()).short()
    assert torch.equal(codes[:, :, 3::8, 5::8], released["codes"])
    channels = crops.double().transpose(0, 1).flatten(1)
    stats = torch.stack([channels.norm(dim=1), channels.sum(dim=1), channels[:, 0]], dim=1)
    torch.testing.assert_close(stats, released["stats"], rtol=1e-6, atol=1e-3)
