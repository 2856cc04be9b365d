"""Formulas as MathML, which browsers draw without a script: `$...$` in a line, `$$...$$` by itself."""

import re

from latex2mathml.converter import convert

_DISPLAY = re.compile(r"^\$\$\n?(.+?)\n?\$\$$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(`[^`]*`)|(?<![\w$\\])\$([^$\n]+?)\$(?![\w$])")


def typeset(markdown: str) -> str:
    """Replace the formulas of a text; a `$` in inline code stays."""
    shown = _DISPLAY.sub(lambda found: _display(found[1]), markdown)
    return _INLINE.sub(lambda found: found[1] or convert(found[2]), shown)


def _display(formula: str) -> str:
    return f'<div class="formula">{convert(" ".join(formula.split()), display="block")}</div>'
