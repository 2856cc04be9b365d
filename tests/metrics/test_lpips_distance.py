from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from smis.core.errors import ImageError, WeightsError
from smis.metrics.image import lpips
from smis.metrics.image.lpips import PerceptualDistance, distance_maps, distances


class Pyramid(nn.Module):
    """Two layers of three channels."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x, nn.functional.avg_pool2d(x, 2)]


def pyramid(weight: float = 1.0) -> PerceptualDistance:
    weights = [torch.full((3,), weight), torch.tensor([0.0, 1.0, 2.0])]
    return PerceptualDistance(Pyramid(), name="pyramid", weights=weights, shift=torch.zeros(3), scale=torch.ones(3))


def test_orthogonal_unit_vectors_are_2_apart() -> None:
    red, green = torch.zeros(2, 1, 3, 4, 4)
    red[:, 0], green[:, 1] = 0.5, 0.5
    # the first layer gives 1 + 1, the second 0 (red counts nothing there) + 1
    torch.testing.assert_close(pyramid()(red, green), torch.tensor([3.0]))


def test_the_length_of_a_feature_does_not_matter() -> None:
    image = torch.rand(1, 3, 4, 4) / 4 + 0.05
    torch.testing.assert_close(pyramid()(image, image * 3), torch.zeros(1))


def test_features_computed_once_give_the_distances_of_all_pairs() -> None:
    image, network = torch.rand(4, 3, 8, 8) * 2 - 1, pyramid()
    first, second = torch.triu_indices(4, 4, offset=1)
    expected = torch.cat(
        [network(image[[a]], image[[b]]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    )
    torch.testing.assert_close(distances(network.features(image), first, second), expected)


@pytest.mark.parametrize("apart", [1.0, 1e-3])
def test_many_pairs_are_as_far_apart_as_each_by_itself(apart: float) -> None:
    network = pyramid()
    image = torch.randn(1, 3, 8, 8) + apart * torch.randn(12, 3, 8, 8)
    image[3] = image[7]
    first, second = torch.triu_indices(12, 12, offset=1)
    features = network.features(image)
    exact = [layer.double() for layer in features]
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    expected = [sum((x[a] - x[b]).square().sum(dim=0).mean().item() for x in exact) for a, b in pairs]
    found = distances(features, first, second)
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-12)
    assert found.dtype == torch.float32
    assert (found >= 0).all()


def test_a_map_has_the_mean_of_the_distance_where_no_layer_is_enlarged() -> None:
    network = PerceptualDistance(
        nn.Sequential(), name="pixels", weights=[torch.ones(3)], shift=torch.zeros(3), scale=torch.ones(3)
    )
    network.trunk.forward = lambda x: [x]
    features, first, second = network.features(torch.randn(3, 3, 4, 4)), torch.tensor([0, 1]), torch.tensor([1, 2])
    maps = distance_maps(features, first, second, size=(4, 4))
    torch.testing.assert_close(maps.mean(dim=(1, 2)), distances(features, first, second))


def test_an_image_is_normalized_as_the_network_was_trained() -> None:
    network = PerceptualDistance(
        Pyramid(),
        name="pyramid",
        weights=[torch.ones(3)] * 2,
        shift=torch.tensor([1.0, 2.0, 3.0]),
        scale=torch.tensor([1.0, 2.0, 4.0]),
    )
    expected = torch.tensor([0.0, -0.5, -0.5]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2)
    torch.testing.assert_close(network.layers(torch.ones(1, 3, 2, 2))[0], expected)


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
    network = lpips.load(name)
    assert len(network.layers(torch.zeros(1, 3, smallest, smallest))) == 5
    with pytest.raises(
        ImageError, match=f"{smallest - 1} x 64 pixels are too small for {name}, which needs {smallest}"
    ):
        network.layers(torch.zeros(1, 3, smallest - 1, 64))


def test_vgg_gives_512_channels_last() -> None:
    assert lpips.load("stlpips_vgg16").channels == 512


def test_a_file_of_that_name_that_is_not_the_published_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alex_shift_tolerant.pth").write_bytes(b"half a download")
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="is not the published file"):
        lpips.load("stlpips_alex")
