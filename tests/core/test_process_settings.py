"""Memory that is kept, and threads that do not spin."""

import os
import platform
import subprocess
import sys

import pytest

LARGE = 2**26
HELD = f"""
import ctypes, sys
from smis.core.process_settings import keep_freed_memory

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


@pytest.mark.parametrize("entry", ["smis.cli", "pipelines.train"])
@pytest.mark.parametrize(("chosen", "wanted"), [(None, "1000"), ("77", "77")])
def test_every_entry_limits_spinning_before_torch_is_there(entry: str, chosen: str | None, wanted: str) -> None:
    probe = f"""
import builtins, os, sys
real = builtins.__import__

def watched(name, *rest, **named):
    if name.partition(".")[0] == "torch":
        print(os.environ.get("GOMP_SPINCOUNT"), flush=True)
        os._exit(0)
    return real(name, *rest, **named)

builtins.__import__ = watched
sys.argv[1:] = ["systems"]
module = __import__("{entry}", fromlist=["main"])
module.main()
"""
    env = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    env |= {"GOMP_SPINCOUNT": chosen} if chosen else {}
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.strip() == wanted, done.stderr
