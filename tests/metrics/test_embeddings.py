import pytest
import torch

from smis.core.errors import WeightsError
from smis.metrics.image import embeddings, lpips

CPU = torch.device("cpu")


def test_an_image_becomes_one_vector_of_the_size_of_inceptions() -> None:
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    embedding = embeddings.load("stlpips_vgg16", CPU)
    layers = lpips.load("stlpips_vgg16").layers(image)
    found = embedding.of(image)
    torch.testing.assert_close(found, layers[-1].mean(dim=(2, 3)) / 20, rtol=1e-5, atol=1e-6)
    assert found.shape == (2, embedding.dimensions)
    assert 0.1 < found.square().mean() < 10


def test_inception_is_asked_for_by_name_and_nothing_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIS_WEIGHTS", "/nowhere")
    monkeypatch.setenv("TORCH_HOME", "/nowhere")
    with pytest.raises(WeightsError, match=r"'inception_fid' .* are not on this machine"):
        embeddings.load("inception_fid", CPU)


def test_only_inceptions_distances_are_called_fid_and_kid() -> None:
    assert embeddings.NAMES["inception_fid"] == ("fid", "kid")
    assert all(embeddings.protocol(name)["network"] == name for name in ("inception_fid", "stlpips_vgg16"))
