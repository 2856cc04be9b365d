"""Memory that is kept: what is wanted again waits for no pages."""

import platform
import subprocess
import sys

import pytest

LARGE = """
import resource, sys
from smis.core.memory import keep_freed

if sys.argv[1] == "keep":
    keep_freed()
bytearray(b"x") * 2**26
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    bytearray(b"x") * 2**26
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", LARGE, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_what_was_freed_is_used_again() -> None:
    assert faults("keep") < faults("give back") / 5
