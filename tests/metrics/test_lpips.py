from io import BytesIO
from urllib.request import urlopen

import numpy as np
import pytest
import torch
from PIL import Image

from smis.core import weights
from smis.core.errors import ImageError, ParamsError, WeightsError
from smis.core.images import to_image
from smis.metrics.image import lpips

EXAMPLES = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/imgs/"
"""The package's example pictures, which its wheel does not ship."""


@pytest.mark.parametrize("name", lpips.TRUNKS)
def test_the_smallest_image_goes_through_and_a_smaller_one_is_refused(name: str) -> None:
    trunk = lpips._BUILD[name]()
    network = lpips.build(name, trunk=trunk.state_dict(), heads=weights.read(name))
    smallest = network.smallest
    assert all(layer.numel() for layer in network.layers(torch.zeros(1, 3, smallest, smallest)))
    with pytest.raises(ImageError, match=f"too small for {name}, which needs {smallest}"):
        network.layers(torch.zeros(1, 3, smallest - 1, 64))
    with pytest.raises(RuntimeError, match=r"too small|size"):
        network.trunk(torch.zeros(1, 3, smallest - 1, smallest - 1))


@pytest.mark.parametrize("name", lpips.TRUNKS)
def test_the_packages_weights_are_never_negative(name: str) -> None:
    heads = weights.read(name)
    assert all((head >= 0).all() for head in heads.values())


def test_a_missing_trunk_is_named_and_nothing_takes_its_place(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path_factory.mktemp("empty")))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("hub")))
    with pytest.raises(WeightsError, match=r"'alexnet' .*`smis weights fetch alexnet`"):
        lpips.load("lpips_alex")


def test_another_network_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ParamsError, match="no network named 'lpips'; there are: lpips_alex, lpips_vgg"):
        lpips.load("lpips")


def test_a_protocol_names_both_files() -> None:
    assert lpips.protocol("lpips_squeeze") == {
        "network": "lpips_squeeze",
        "version": "0.1",
        "weights": "4a5350f2",
        "trunk": "b8a52dc0",
    }
    assert lpips.protocol("stlpips_alex") == {"network": "stlpips_alex", "weights": "b356b382"}


@pytest.mark.download
def test_the_packages_example_pictures_are_as_far_apart_as_is_published() -> None:
    try:
        network = lpips.load("lpips_alex")
    except WeightsError as error:
        pytest.skip(str(error))
    reference, *others = (example(name) for name in ("ex_ref", "ex_p0", "ex_p1"))
    found = [network(reference, other).item() for other in others]
    assert [round(distance, 3) for distance in found] == [0.722, 0.138]


def example(name: str) -> torch.Tensor:
    with urlopen(f"{EXAMPLES}{name}.png", timeout=30) as response:
        picture = Image.open(BytesIO(response.read())).convert("RGB")
    return to_image(np.asarray(picture)[None])
