"""A bucket: list, fetch, share, set up."""

import hashlib
import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from smis.core import s3
from smis.core.errors import ServerError
from smis.remote.address import Address

_ABANDONED_DAYS = 7
_PIECE = 1 << 20
_NO_PLACE = (None, "", "aws-global", "us-east-1")
"""Regions that Amazon refuses to be told when a bucket is made: it is there anyway."""


class Bucket:
    """The folder of an address, whose objects are named from there."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client = s3.client(address.endpoint)

    def sizes(self, under: str) -> dict[str, int]:
        """List the objects under a name, with their bytes.

        Raises:
            ServerError: if S3 does not answer, or not to us.
        """
        start = self.address.key(under)
        cut = len(start) - len(under)
        with s3.explained(f"list {self.address}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.address.bucket, Prefix=start)
            return {each["Key"][cut:]: each["Size"] for page in pages for each in page.get("Contents", ())}

    def read(self, name: str) -> bytes:
        """Fetch an object whole.

        Raises:
            ServerError: if S3 does not answer, or has no such object.
        """
        return b"".join(self._pieces(name))

    def digest(self, name: str) -> str:
        """Fetch an object, and return the MD5 of its bytes.

        Raises:
            ServerError: if S3 does not answer, or has no such object.
        """
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self._pieces(name):
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self, name: str) -> Iterator[bytes]:
        with s3.explained(f"read {self.address}/{name}"):
            found = self._client.get_object(Bucket=self.address.bucket, Key=self.address.key(name))
            yield from found["Body"].iter_chunks(_PIECE)

    def link(self, name: str, *, hours: float, title: str, kind: str) -> str:
        """Sign an address that opens an object without keys, for so long, as a file of this title and media type."""
        what = {"Bucket": self.address.bucket, "Key": self.address.key(name), "ResponseContentType": kind}
        what["ResponseContentDisposition"] = f'inline; filename="{title}"'
        return self._client.generate_presigned_url("get_object", Params=what, ExpiresIn=round(hours * 3600))

    def set_up(self) -> Iterator[tuple[str, str]]:
        """Make the bucket if it is not there, keep old versions, shut it to the public; give each step and its outcome.

        Raises:
            ServerError: if there is no bucket afterwards.
        """
        yield "bucket", self._made()
        name = {"Bucket": self.address.bucket}
        rule = {"ID": "abandoned uploads", "Status": "Enabled", "Filter": {"Prefix": ""}}
        rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": _ABANDONED_DAYS}
        shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        steps: dict[str, Callable[[], object]] = {
            "old versions stay": lambda: self._client.put_bucket_versioning(
                **name, VersioningConfiguration={"Status": "Enabled"}
            ),
            f"abandoned uploads end after {_ABANDONED_DAYS} days": lambda: (
                self._client.put_bucket_lifecycle_configuration(**name, LifecycleConfiguration={"Rules": [rule]})
            ),
            "no public access": lambda: self._client.put_public_access_block(
                **name, PublicAccessBlockConfiguration=dict.fromkeys(shut, True)
            ),
        }
        if self._client.meta.endpoint_url.startswith("https"):
            steps["encrypted connections only"] = lambda: self._client.put_bucket_policy(**name, Policy=self._policy())
        for step, take in steps.items():
            yield step, _outcome(take)

    def _made(self) -> str:
        name = self.address.bucket
        with s3.explained(f"make the bucket {name}"):
            if self._is_there():
                return "was there"
            region = self._client.meta.region_name
            place = {} if region in _NO_PLACE else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self._client.create_bucket(Bucket=name, **place)
        return "done"

    def _is_there(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self.address.bucket)
        except self._client.exceptions.ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == HTTPStatus.FORBIDDEN:
                raise ServerError(
                    f"S3 does not let these keys see the bucket {self.address.bucket}; "
                    "is the name somebody else's? choose another, or keys that may"
                ) from None
            if status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    def _policy(self) -> str:
        place = f"arn:aws:s3:::{self.address.bucket}"
        refused: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
        refused |= {"Resource": [place, f"{place}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        return json.dumps({"Version": "2012-10-17", "Statement": [refused]})


def _outcome(take: Callable[[], object]) -> str:
    """A server that is not Amazon's may not know a setting: that is said, and is no failure."""
    try:
        with s3.explained("set that"):
            take()
    except ServerError as error:
        return f"refused: {error}"
    return "done"
