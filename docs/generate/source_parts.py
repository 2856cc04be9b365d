"""A file of the repository as a block of code."""

from pathlib import Path

DOCS = Path(__file__).parents[1]


def source(path: str) -> str:
    """Show a file below docs/."""
    return f"```python\n{(DOCS / path).read_text(encoding='utf-8')}```"
