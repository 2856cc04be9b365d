"""`python buckets.py s3://NAME ...`: make buckets as `smis remote setup` does, where neither torch nor DVC is."""

import sys

from smis.core.errors import SmisError
from smis.remote.address import Address
from smis.remote.bucket import Bucket


def main() -> None:
    """Make each bucket, say what was done. Exit code 2 if there is none afterwards."""
    for url in sys.argv[1:]:
        for step, outcome in Bucket(Address.of(url)).set_up():
            print(f"{url}: {step}: {outcome}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except SmisError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
