"""Data sets on a real S3 server: objects under a prefix, and archives of which parts are fetched."""

from pathlib import Path

import numpy as np
import pytest

from smis.core.errors import ServerError
from smis.datasets.deepfashion import Config
from tests.datasets import releases
from tests.servers import S3, reached

BUCKET = "data-sets"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start SeaweedFS."""
    server = S3(tmp_path_factory.mktemp("s3"))
    server.start()
    with server.client() as client:
        client.create_bucket(Bucket=BUCKET)
    yield server
    server.kill()


@pytest.fixture
def client(server, monkeypatch):
    with reached(server, monkeypatch), server.client() as client:
        yield client


def reader(root):
    return Config.check({"root": root, "validation": 1}, source="params.yaml").build()


def test_a_data_set_on_s3_is_what_it_is_on_the_disk(client, tmp_path):
    tree = releases.deepfashion(tmp_path / "tree")
    archive = Path(releases.packed(tree, tmp_path / "release.zip"))
    client.upload_file(str(archive), BUCKET, "raw/release.zip")
    for path in tree.rglob("*.*"):
        client.upload_file(str(path), BUCKET, f"raw/tree/{path.relative_to(tree)}")
    here = reader(str(tree))
    for root in (f"s3://{BUCKET}/raw/tree", f"s3://{BUCKET}/raw/release.zip"):
        there = reader(root)
        assert [there.count(split) for split in there.splits] == [here.count(split) for split in here.splits]
        one, other = there.read("test", 1), here.read("test", 1)
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.labels, other.labels)


def test_an_object_that_is_not_there_is_one_line(client):
    with pytest.raises(
        ServerError, match=r"cannot read s3://data-sets/none\.zip \(.*404.*\); set AWS_ENDPOINT_URL and"
    ):
        reader(f"s3://{BUCKET}/none.zip")
