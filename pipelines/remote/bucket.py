"""DVC's remote on S3: where it is, as `dvc remote` configured it, and the bucket itself."""

import configparser
import json
import mimetypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from smis.core import s3
from smis.core.errors import ParamsError, ServerError

_CONFIG_FILES = ("config", "config.local")
_REMEDY = "name one with `dvc remote add --default store s3://BUCKET/PREFIX`"
_UPLOAD_EXPIRY_DAYS = 7
_CHUNK_BYTES = 1 << 20
_DEFAULT_REGIONS = (None, "", "aws-global", "us-east-1")
"""Amazon rejects a LocationConstraint that names one of these."""


@dataclass(frozen=True)
class S3Location:
    """A bucket, a prefix in it, and the server's URL if it is not the one of the environment."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None

    @classmethod
    def parse(cls, url: str, *, endpoint: str | None = None) -> "S3Location":
        """Parse s3://BUCKET/PREFIX.

        Raises:
            ParamsError: if the URL has another form.
        """
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not bucket:
            raise ParamsError(f"the remote is {url!r}, but only s3://BUCKET/PREFIX is supported; {_REMEDY}")
        return cls(bucket, prefix.strip("/"), endpoint)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, name: str) -> str:
        """Return the key of the object `name` below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name


def configured_remote(workspace: Path, *, name: str | None = None) -> S3Location:
    """Return the workspace's DVC remote `name`, by default its default remote.

    Raises:
        ParamsError: if there is none, or it is not on S3.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read([workspace / ".dvc" / file for file in _CONFIG_FILES])
    name = name or config.get("core", "remote", fallback=None)
    section = f"'remote \"{name}\"'"
    if name is None or not config.has_section(section):
        missing = "the workspace has no default remote" if name is None else f"the workspace has no remote {name!r}"
        raise ParamsError(f"{missing}; {_REMEDY}")
    return S3Location.parse(config.get(section, "url"), endpoint=config.get(section, "endpointurl", fallback=None))


class RemoteBucket:
    """The objects of a location; their names are relative to its prefix."""

    def __init__(self, location: S3Location) -> None:
        self.location = location
        self._client = s3.client(location.endpoint)

    def sizes(self, prefix: str) -> dict[str, int]:
        """List the objects whose names begin with `prefix`, with their sizes in bytes.

        Raises:
            ServerError: if S3 cannot be reached or denies access.
        """
        query = {"Bucket": self.location.bucket, "Prefix": self.location.key(prefix)}
        root = self.location.key("")
        with s3.explained(f"list {self.location}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(**query)
            return {each["Key"].removeprefix(root): each["Size"] for page in pages for each in page.get("Contents", ())}

    def chunks(self, name: str) -> Iterator[bytes]:
        """Download an object.

        Raises:
            ServerError: if S3 cannot be reached, denies access, or has no such object.
        """
        with s3.explained(f"read {self.location}/{name}"):
            response = self._client.get_object(Bucket=self.location.bucket, Key=self.location.key(name))
            yield from response["Body"].iter_chunks(_CHUNK_BYTES)

    def presigned_url(self, name: str, *, hours: float, filename: str) -> str:
        """Return a URL that opens an object without credentials, as a file of this name and its media type."""
        request = {
            "Bucket": self.location.bucket,
            "Key": self.location.key(name),
            "ResponseContentType": mimetypes.guess_type(filename)[0] or "application/octet-stream",
            "ResponseContentDisposition": f'inline; filename="{filename}"',
        }
        return self._client.generate_presigned_url("get_object", Params=request, ExpiresIn=round(hours * 3600))

    def set_up(self) -> Iterator[tuple[str, str]]:
        """Create the bucket if needed, enable versioning and block public access; yield each step and its outcome.

        Raises:
            ServerError: if the bucket cannot be created or accessed.
        """
        yield "bucket", self._create()
        client = self._client
        rule = {"ID": "abandoned uploads", "Status": "Enabled", "Filter": {"Prefix": ""}}
        rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": _UPLOAD_EXPIRY_DAYS}
        blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        steps: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
            "versioning": (client.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Enabled"}}),
            f"incomplete uploads expire after {_UPLOAD_EXPIRY_DAYS} days": (
                client.put_bucket_lifecycle_configuration,
                {"LifecycleConfiguration": {"Rules": [rule]}},
            ),
            "no public access": (
                client.put_public_access_block,
                {"PublicAccessBlockConfiguration": dict.fromkeys(blocks, True)},
            ),
        }
        if client.meta.endpoint_url.startswith("https"):
            steps["encrypted connections only"] = client.put_bucket_policy, {"Policy": self._policy()}
        for step, (call, options) in steps.items():
            outcome = "done"
            try:
                with s3.explained("apply this setting"):
                    call(Bucket=self.location.bucket, **options)
            except ServerError as error:  # servers other than Amazon's may not support a setting
                outcome = f"refused: {error}"
            yield step, outcome

    def _create(self) -> str:
        name, client = self.location.bucket, self._client
        with s3.explained(f"create the bucket {name}"):
            try:
                client.head_bucket(Bucket=name)
                return "exists"
            except client.exceptions.ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status == HTTPStatus.FORBIDDEN:
                    raise ServerError(
                        f"S3 denies access to the bucket {name} with these keys; "
                        "does the name belong to somebody else? choose another name, or keys with access"
                    ) from None
                if status != HTTPStatus.NOT_FOUND:
                    raise
            region = client.meta.region_name
            place = {} if region in _DEFAULT_REGIONS else {"LocationConstraint": region}
            client.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
        return "created"

    def _policy(self) -> str:
        resource = f"arn:aws:s3:::{self.location.bucket}"
        statement: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
        statement |= {"Resource": [resource, f"{resource}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
