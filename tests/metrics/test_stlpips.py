from pathlib import Path

import pytest
import torch

from smis.core.errors import ImageError, WeightsError
from smis.metrics.image import stlpips
from smis.metrics.image.perceptual_distance import PerceptualDistance


def test_an_image_is_0_from_itself(alex: PerceptualDistance) -> None:
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    assert alex(image, image).tolist() == [0, 0]


def test_a_distance_is_never_negative(alex: PerceptualDistance) -> None:
    image = torch.rand(8, 3, 32, 32) * 2 - 1
    assert (alex(image, image.roll(1, dims=0)) > 0).all()
    assert (alex(image, image + 1e-4 * torch.randn_like(image)) >= 0).all()


def test_it_hardly_notices_when_an_image_moves_by_a_pixel(alex: PerceptualDistance) -> None:
    wide = torch.nn.functional.interpolate(torch.rand(1, 3, 9, 9) * 2 - 1, size=66, mode="bicubic").clamp(-1, 1)
    moved = alex(wide[..., 1:65, 1:65], wide[..., 1:65, 2:66]).item()
    assert moved < 0.1 * alex(wide[..., 1:65, 1:65], -wide[..., 1:65, 1:65]).item()


def test_nothing_in_it_learns(alex: PerceptualDistance) -> None:
    assert not any(parameter.requires_grad for parameter in alex.parameters())
    assert not alex.training


@pytest.mark.parametrize(("name", "smallest"), [("stlpips_alex", 21), ("stlpips_vgg16", 18)])
def test_an_image_too_small_for_the_trunk_is_refused_by_its_size(name: str, smallest: int) -> None:
    network = stlpips.load(name)
    assert len(network.layers(torch.zeros(1, 3, smallest, smallest))) == 5
    with pytest.raises(
        ImageError, match=f"{smallest - 1} x 64 pixels are too small for {name}, which needs {smallest}"
    ):
        network.layers(torch.zeros(1, 3, smallest - 1, 64))


def test_vgg_gives_512_channels_last() -> None:
    assert stlpips.load("stlpips_vgg16").channels == 512


def test_a_file_of_that_name_that_is_not_the_published_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alex_shift_tolerant.pth").write_bytes(b"half a download")
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="is not the published file"):
        stlpips.load("stlpips_alex")
