"""A model's README.md: a card in Markdown behind the YAML that Hugging Face reads, so that the folder can be pushed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from smis.core.errors import ParamsError
from smis.training.export import SystemDescription
from smis.zoo.card import Card, MetricFacts, parse_yaml

FILE = "README.md"
_LIBRARY = "smis"
_TASK = {"type": "image-to-image", "name": "Semantic image synthesis"}
_TAGS = ("semantic-image-synthesis", "label-to-image", "gan")


def render(card: Card, *, name: str, model: SystemDescription, step: int, stored: str) -> str:
    """Return the text of a README.md.

    Args:
        card: What a person or the pipeline says about the model.
        name: The model's, in the zoo.
        model: What its checkpoint says.
        step: Training steps.
        stored: How its weights are stored.
    """
    front_matter = yaml.safe_dump(_front_matter(card, name, model.system), sort_keys=False, allow_unicode=True)
    training = [*_facts(_training_facts(card)), *_params(card.training.params)]
    sections = {
        "Use": _usage(name),
        "Model": _facts(_model_facts(card, model, step, stored)),
        "Data": _facts(_data_facts(card)),
        "Training": training,
        "Metrics": _metrics(card.metrics),
        "Intended use": [card.intended_use],
        "Limits": [f"* {limit}" for limit in card.limits],
    }
    text = [f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items() if lines]
    return "\n\n".join([f"---\n{front_matter}---", f"# {card.title}", card.summary, *text]) + "\n"


def read(path: Path) -> tuple[dict[str, Any], str]:
    """Read a README.md: its YAML, and the Markdown below.

    Raises:
        ParamsError: if it is no model card.
    """
    try:
        parts = re.split(r"^---$\n?", path.read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} cannot be read ({error}); `smis zoo add` writes it again") from None
    if len(parts) != 3 or parts[0]:
        raise ParamsError(f"{path} does not begin with YAML between two lines `---`; `smis zoo add` writes it again")
    return parse_yaml(parts[1], source=str(path)), parts[2].lstrip("\n")


def metrics_of(front_matter: Mapping[str, Any]) -> dict[str, float]:
    """Return the values of a card by the name of the metric.

    Example:
        >>> metrics_of({"model-index": [{"results": [{"metrics": [{"type": "mIoU", "value": 0.5}]}]}]})
        {'mIoU': 0.5}
    """
    results = (result for model in front_matter.get("model-index") or [] for result in model.get("results") or [])
    return {metric["type"]: metric["value"] for result in results for metric in result.get("metrics") or []}


def _front_matter(card: Card, name: str, system: str) -> dict[str, Any]:
    license = {"license": card.license, "license_name": card.license_name, "license_link": card.license_link}
    fields = {key: value for key, value in license.items() if value is not None} | {
        "library_name": _LIBRARY,
        "pipeline_tag": _TASK["type"],
        "tags": list(dict.fromkeys([*_TAGS, system, *card.tags])),
        "datasets": [card.data.name],
    }
    known = {metric: facts for metric, facts in card.metrics.items() if facts.value is not None}
    if not known:  # Hugging Face refuses a result without metrics
        return fields
    split = next((facts.protocol["split"] for facts in known.values() if "split" in facts.protocol), None)
    dataset = {"type": card.data.name, "name": card.data.name} | ({"split": split} if split else {})
    metrics = [
        {"type": metric, "name": metric, "value": facts.value}
        | {"args": {"interval": list(facts.interval), "protocol": facts.protocol}}
        for metric, facts in known.items()
    ]
    return fields | {"model-index": [{"name": name, "results": [_result(dataset, metrics)]}]}


def _result(dataset: dict[str, Any], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    return {"task": dict(_TASK), "dataset": dataset, "metrics": metrics}


def _usage(name: str) -> list[str]:
    code = ["import smis", "", f'synth = smis.load("zoo:{name}")', 'images = synth("labels.png")']
    return ["```", f"smis generate zoo:{name} labels/ --out out", "```", "", "```python", *code, "```"]


def _model_facts(card: Card, model: SystemDescription, step: int, stored: str) -> dict[str, Any]:
    link = f", {card.license_link}" if card.license_link else ""
    return {
        "System": model.system,
        "Size": f"{model.height} x {model.width}",
        "Steps": f"{step:,}",
        "Classes": ", ".join(f"{number} {each}" for number, each in enumerate(model.classes)),
        "Weights": stored,
        "License": (card.license_name or card.license) + link,
    }


def _data_facts(card: Card) -> dict[str, Any]:
    data = card.data
    images = f"{data.images:,}" if data.images else None
    return {
        "Data set": data.name,
        "License": data.license,
        "Source": data.source,
        "Training images": images,
        "DVC hash": data.md5,
    }


def _training_facts(card: Card) -> dict[str, Any]:
    training = card.training
    hours = f"{training.hours:.2g}" if training.hours else None
    return {"Command": training.command, "Commit": training.commit, "Hours": hours, "Machine": training.machine}


def _facts(facts: Mapping[str, Any]) -> list[str]:
    return [f"* {name}: {' '.join(str(value).split())}" for name, value in facts.items() if value is not None]


def _params(params: Mapping[str, Any]) -> list[str]:
    if not params:
        return []
    text = yaml.safe_dump(dict(params), sort_keys=False, allow_unicode=True).rstrip()
    return ["", "Parameters (`params.yaml`):", "", "```yaml", text, "```"]


def _metrics(metrics: Mapping[str, MetricFacts]) -> list[str]:
    """Return a table, and below it the protocols, each with the metrics that were measured under it."""
    if not metrics:
        return []
    rows = [
        f"| {name} | {_number(facts.value)} | {' to '.join(map(_number, facts.interval))} |"
        for name, facts in metrics.items()
    ]
    protocols: dict[str, list[str]] = {}
    for name, facts in metrics.items():
        protocols.setdefault(_protocol(facts.protocol), []).append(name)
    below = [f"* {', '.join(names)}: {protocol}" for protocol, names in protocols.items() if protocol]
    heading = ["", "Protocols:", ""] if below else []
    return ["| metric | value | 95 % interval |", "|---|---:|---:|", *rows, *heading, *below]


def _protocol(protocol: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} {value}" for key, value in protocol.items())


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
