"""`python -m failing FOLDER ENDS...`: end as the ENDS say, one for each time that it is started: a signal or a code."""

import os
import sys
from pathlib import Path


def main(folder: Path, ends: list[int]) -> None:
    """Count the starts by files in `folder`."""
    start = len(list(folder.iterdir()))
    (folder / str(start)).touch()
    if ends[start] < 0:
        os.kill(os.getpid(), -ends[start])
    raise SystemExit(ends[start])


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(word) for word in sys.argv[2:]])
