"""What MkDocs does not do itself: folders in the navigation, pages from outside docs/, and parts of pages made by code.

`<!-- build: NAME WORDS -->` in a page is replaced by what the function of that name in PARTS makes of the words.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from posixpath import dirname, normpath, relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))  # MkDocs takes it away again after it has loaded this file

import mathematics
from parts import PARTS
from system_parts import zoo_samples

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/results/README.md": "benchmarks.md",
    "README.md": "index.md",
}
"""Pages of the site that lie outside docs/, and the front page, which the README is on the way to."""
_PART = re.compile(r"^<!-- build: (?P<name>[a-z_]+)(?P<words>(?: [\w./-]+)*) -->$", re.MULTILINE)
_LINK = re.compile(
    r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\](?:\([^)]*\))?)*\])\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)"
)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of each folder into the navigation."""
    config.nav = expand(config.nav or [])
    return config


def expand(nav: list[Any]) -> list[Any]:
    """Replace each folder by its pages; what does not exist is left out, as a page of another task may be."""
    found: list[Any] = []
    for entry in nav:
        title, target = next(iter(entry.items())) if isinstance(entry, dict) else (None, entry)
        if isinstance(target, list):
            found.append({title: expand(target)})
        elif target.endswith("/"):
            pages = sorted((DOCS / target).glob("*.md"), key=lambda page: (page.stem != "index", page.stem))
            if pages:
                found.append({title: [f"{target}{page.name}" for page in pages]})
        elif (DOCS / target).exists() or target in OUTSIDE.values():
            found.append(entry)
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for source, target in OUTSIDE.items():
        if not (DOCS / target).exists():
            files.append(File.generated(config, target, content=(ROOT / source).read_text(encoding="utf-8")))
    for target, picture in zoo_samples().items():
        files.append(File.generated(config, target, content=picture))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make the parts of a page that code makes, its formulas, and its links out of docs/."""
    uri = page.file.src_uri
    source = next((outside for outside, target in OUTSIDE.items() if target == uri != "index.md"), f"docs/{uri}")
    markdown = _PART.sub(_part, markdown)
    return outside_fences(markdown, lambda text: mathematics.typeset(_LINK.sub(_relinked(source, uri), text)))


def outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Change what is no block of code."""
    blocks = _FENCE.findall(markdown)
    texts = [change(text) for text in _FENCE.split(markdown)]
    return "".join(piece for pair in zip(texts, [*blocks, ""], strict=True) for piece in pair)


def _part(found: re.Match[str]) -> str:
    return PARTS[found["name"]](*found["words"].split())


def _relinked(source: str, uri: str) -> Callable[[re.Match[str]], str]:
    """Lead links between files of the repository to pages of the site; a file that is no page loses its link."""

    def relink(found: re.Match[str]) -> str:
        target = found["target"]
        if ":" in target or target.startswith("/"):
            return found[0]
        path = normpath(f"{dirname(source)}/{target}")
        if path.startswith("docs/"):
            inside = path.removeprefix("docs/")
        elif path in OUTSIDE:
            inside = OUTSIDE[path]
        else:
            return f"{found['text'][1:-1]} (`{path}`)"
        return f"{found['text']}({relpath(inside, dirname(uri) or '.')}{found['anchor'] or ''})"

    return relink
