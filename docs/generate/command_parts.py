"""The command line, from the parsers that read it."""

import argparse
import textwrap
from collections.abc import Iterator

from smis.cli import full_parser


def commands() -> str:
    """Return a section for each verb of `smis`."""
    return "\n\n".join(_section(parser, level=2) for parser in _below(full_parser()))


def verbs() -> str:
    """Return a list of the verbs."""
    rows = [f"| [`{parser.prog}`](#{_anchor(parser)}) | {parser.description} |" for parser in _below(full_parser())]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, child in action.choices.items():
                child.description = child.description or helps.get(name, "")
                yield child


def _section(parser: argparse.ArgumentParser, *, level: int) -> str:
    inner = list(_below(parser))
    sentence = (parser.description or "").rstrip(".")
    head = f"{'#' * level} {parser.prog} {{ #{_anchor(parser)} }}\n\n{sentence[:1].upper()}{sentence[1:]}."
    if inner:
        return "\n\n".join([head, *(_section(each, level=level + 1) for each in inner)])
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    return f"{head}\n\n```\n{_wrapped(usage)}\n```\n\n{_arguments(parser)}"


def _arguments(parser: argparse.ArgumentParser) -> str:
    rows = [_row(parser, action) for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    return "\n".join(["| argument | what |", "|---|---|", *rows]) if rows else "It takes no arguments."


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    form = parser._get_formatter()._format_args(action, action.metavar or action.dest.upper())
    names = [f"{name} {form}".strip() for name in action.option_strings[-1:]] or [form or action.dest]
    text = (action.help or "") % {"default": action.default, "prog": parser.prog, "dest": action.dest}
    text = text if "choices" in text or not action.choices else f"{text} {{{', '.join(map(str, action.choices))}}}"
    required = " (required)" if action.option_strings and action.required else ""
    return f"| `{names[0]}` | {_escaped(text)}{required} |".replace("|  |", "| |")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _wrapped(usage: str) -> str:
    return textwrap.fill(usage, 88, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)


def _anchor(parser: argparse.ArgumentParser) -> str:
    return parser.prog.replace(" ", "-")
