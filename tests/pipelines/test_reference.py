import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.reference.run import ReferenceConfig, measure
from smis.core import weights
from smis.core.errors import ImageError
from smis.data.shards import Prepared
from smis.metrics.image import embeddings, fid, inception
from tests import cells
from tests.pipelines.measured import lay_out


def test_the_statistics_are_those_of_the_features_of_the_split(tmp_path: Path) -> None:
    lay_out(tmp_path)
    split = Prepared(tmp_path / "data/paperdoll").split("test")
    found = measure(split, ReferenceConfig(split="test", images=None, batch=4), title="features")
    features = embeddings.load("stlpips_vgg16", torch.device("cpu")).of(split.batch(range(len(split))).image)
    torch.testing.assert_close(found.mean, features.double().mean(dim=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.covariance, np.cov(features.double().numpy(), rowvar=False), rtol=1e-3, atol=1e-7)
    assert found.vectors is not None
    torch.testing.assert_close(found.vectors, features, rtol=1e-5, atol=1e-6)
    assert (found.count, json.loads(found.protocol)["reference_split"]) == (len(split), "test")


def test_images_that_are_too_small_are_refused_in_one_line(tmp_path: Path) -> None:
    cells.lay_out(tmp_path, size=16)
    split = Prepared(tmp_path / "data/paperdoll").split("train")
    with pytest.raises(ImageError, match="16 x 16 pixels are too small for stlpips_vgg16, which needs 18"):
        measure(split, ReferenceConfig.model_validate({}), title="features")


def test_inception_is_chosen_by_name_and_its_statistics_are_those_of_fid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path)
    with torch.device("meta"):
        bare = inception.bare().state_dict()
    made_up = {name: torch.full(tensor.shape, 0.01).to(tensor.dtype) for name, tensor in bare.items()}
    torch.save(made_up, tmp_path / weights.TABLE[inception.NAME].file)
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(weights, "check", lambda path, wanted: None)  # made-up weights have another checksum
    split = Prepared(tmp_path / "data/paperdoll").split("test")
    config = ReferenceConfig(network="inception_fid", split="test", images=3, batch=2)
    found = measure(split, config, title="features")
    expected = fid.statistics(split.batch([0, 2, 4]).image)
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-5, atol=1e-7)
    assert found.vectors is not None
    assert found.vectors.shape == (3, 2048)
    assert json.loads(found.protocol) == {**json.loads(expected.protocol), "reference_split": "test"}
