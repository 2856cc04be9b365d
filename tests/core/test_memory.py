"""Memory that is kept: what is wanted again waits for no pages."""

import os
import platform
import subprocess
import sys

import pytest

LARGE = 2**26
HELD = f"""
import ctypes, sys
from smis.core.memory import keep_freed_memory

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

if sys.argv[1] == "keep":
    keep_freed_memory()
bytearray(b"x") * {LARGE}
mallinfo2 = ctypes.CDLL("libc.so.6").mallinfo2
mallinfo2.restype = Mallinfo2
print(mallinfo2().fordblks)
"""


def held(how: str) -> int:
    """Bytes that glibc holds free for the process itself."""
    told_nothing = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", HELD, how], capture_output=True, text=True, check=True, env=told_nothing
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_what_was_freed_is_held_for_the_next() -> None:
    assert held("keep") >= LARGE
    assert held("give back") < LARGE
