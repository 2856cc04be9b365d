"""What is asked of S3 when a bucket is set up; a stub answers as Amazon does."""

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from pipelines.remote.bucket import RemoteBucket, S3Location
from pipelines.remote.locked_outputs import LockedOutput, check_objects, object_name
from smis.core import s3
from smis.core.errors import DataError, ServerError

NAME = "pictures"


@pytest.fixture
def region(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the process be a client of Amazon's in this region."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "one")
    monkeypatch.setenv("AWS_DEFAULT_REGION", request.param)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it would keep these keys for tests that come after
    s3._client.cache_clear()
    yield request.param
    s3._client.cache_clear()


@pytest.mark.parametrize(
    ("region", "place"),
    [("us-east-1", {}), ("eu-central-1", {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}})],
    indirect=["region"],
)
def test_a_bucket_is_made_in_the_region_of_the_keys(region: str, place: dict[str, object]) -> None:
    bucket = RemoteBucket(S3Location(NAME))
    with Stubber(bucket._client) as amazon:
        amazon.add_client_error("head_bucket", "404", http_status_code=404, expected_params={"Bucket": NAME})
        amazon.add_response("create_bucket", {}, {"Bucket": NAME, **place})
        assert next(bucket.set_up()) == ("bucket", "created"), region
        amazon.assert_no_pending_responses()


@pytest.mark.parametrize("region", ["us-east-1"], indirect=True)
def test_a_bucket_of_somebody_else_is_one_sentence(region: str) -> None:
    bucket = RemoteBucket(S3Location(NAME))
    message = r"^S3 denies access to the bucket pictures with these keys; does the name belong to somebody"
    with Stubber(bucket._client) as amazon:
        amazon.add_client_error("head_bucket", "403", http_status_code=403)
        with pytest.raises(ServerError, match=message):
            next(bucket.set_up())
    assert region


@pytest.mark.parametrize("listing", [b'[{"', b"7", b"[{}]", b'[{"relpath": "a", "md5": "bb"}]'])
@pytest.mark.parametrize("region", ["us-east-1"], indirect=True)
def test_a_folder_whose_list_of_files_is_damaged_is_named(
    region: str, listing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, digest = RemoteBucket(S3Location(NAME)), "aa11.dir"
    monkeypatch.setattr(bucket, "sizes", lambda prefix: {object_name(digest): len(listing)})
    monkeypatch.setattr(bucket, "chunks", lambda name: iter([listing]))
    with pytest.raises(DataError, match="out/a has other bytes"):
        check_objects(bucket, [LockedOutput("out/a", digest, 3)], whole=False)
