"""`python docs/lessons.py 1`: run a lesson's blocks as they stand, in a copy of the repository, and keep its pictures.

Blocks of `bash` and `python` run, in their order; blocks without a language are for a person. A picture `1-NAME.webp`
of the page is `out/NAME.png`, `out/NAME/sheet.png` or `NAME.png` of the copy.
"""

import argparse
import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
LESSONS = ROOT / "docs/tutorials"
_BLOCK = re.compile(r"^```(?P<language>bash|python)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"\]\((?P<file>\d-(?P<name>[\w-]+)\.webp)\)")


def main() -> None:
    """Run the blocks, print the processor time of each, and save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", help="its number")
    parser.add_argument("--folder", type=Path, help="run here, in a copy that exists, or make one; it stays")
    options = parser.parse_args()
    (page,) = LESSONS.glob(f"{options.lesson}-*.md")
    text = page.read_text(encoding="utf-8")
    folder = options.folder or Path(tempfile.mkdtemp())
    if not (folder / "Makefile").exists():
        copy_repository(folder)
    for block in _BLOCK.finditer(text):
        run(block["language"], block["text"], folder)
    for picture in _PICTURE.finditer(text):
        keep(folder, picture["name"], LESSONS / picture["file"])
    if options.folder is None:
        shutil.rmtree(folder)


def copy_repository(folder: Path) -> None:
    """Clone, take over what is not committed yet, and link the installed packages."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    listed = ["git", "ls-files", "--modified", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")  # `make install` there would change it: no block runs it


def run(language: str, text: str, folder: Path) -> None:
    """Run one block, and print what it took.

    Raises:
        SystemExit: if it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = ["bash", "-ec"] if language == "bash" else ["python", "-c"]
    activate = ". .venv/bin/activate && exec" + ' "$0" "$@"'
    done = subprocess.run(["bash", "-c", activate, *program, text], cwd=folder, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{spent:7.1f} s  {text.strip().splitlines()[0]}", flush=True)
    if done.returncode:
        raise SystemExit(done.returncode)


def keep(folder: Path, name: str, place: Path) -> None:
    """Save a picture of the copy beside the lesson."""
    candidates = (folder / f"out/{name}.png", folder / f"out/{name}/sheet.png", folder / f"{name}.png")
    found = next(path for path in candidates if path.exists())
    Image.open(found).convert("RGB").save(place, quality=85, method=6)


if __name__ == "__main__":
    main()
