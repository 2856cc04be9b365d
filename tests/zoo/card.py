"""A card.yaml with every field."""

from pathlib import Path
from typing import Any

import yaml

FIELDS: dict[str, Any] = {
    "title": "INADE on paper dolls",
    "summary": "People in clothes, drawn by code.",
    "license": "apache-2.0",
    "data": {
        "name": "paperdoll",
        "license": "Apache-2.0",
        "source": "smis/datasets/paperdoll",
        "images": 3000,
        "md5": "0" * 32,
    },
    "training": {"commit": "0123abc", "hours": 1.5, "machine": "2 cores", "params": {"train": {"steps": 640}}},
    "metrics": {
        "mCSD": {"value": 0.132, "interval": [0.125, 0.14], "protocol": {"split": "test", "samples": 8}},
        "mIoU": {"value": 0.62, "interval": [0.61, 0.63], "protocol": {"split": "test", "segmenter": "resnet18"}},
    },
    "intended_use": "Tests.",
    "limits": ["The weights are random."],
}


def write(path: Path, **changed: Any) -> Path:
    """Write a card.yaml; None takes a field away."""
    fields = {key: value for key, value in (FIELDS | changed).items() if value is not None}
    path.write_text(yaml.safe_dump(fields))
    return path
