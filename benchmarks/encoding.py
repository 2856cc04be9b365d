"""`python -m benchmarks.encoding`: GroupDNet's encoder and its input against the released form, as JSON.

All forms run in turns on the same maps; the goals are >= 100 times for the input with 151 classes, >= 20 with 35, and
>= 8 for the encoder on ADE20K's sizes. A ratio is that of the first form to the last; for the input there is a leaner
loop between them.
"""

import argparse
import json
from typing import Any

import torch

from benchmarks import straightforward
from benchmarks.clock import CLOCKS, compare, machine
from benchmarks.layouts import figures, photographs
from smis.core.process_settings import keep_freed_memory
from smis.models.groupdnet import Config
from smis.nn.class_crops import class_crops

CASES = {"ade20k": (151, 256, 256, 4), "cityscapes": (35, 256, 512, 1), "deepfashion": (8, 256, 256, 4)}
"""Of a preset: classes, height, width, pictures."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time GroupDNet's encoder and its input.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall", help="cpu: for a busy machine")
    parser.add_argument("--only", default="", help="a part of the presets' names")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    timing = {"repeats": options.repeats, "clock": options.clock}
    rows = [row for preset in CASES if options.only in preset for row in measure(preset, timing)]
    print(json.dumps({"machine": machine(), "rows": rows}, indent=2))


@torch.inference_mode()
def measure(preset: str, timing: dict[str, Any]) -> list[dict[str, Any]]:
    """Time the input, and the encoder on it."""
    classes, height, width, batch = CASES[preset]
    torch.manual_seed(0)
    if preset == "deepfashion":
        labels = figures(batch, size=height)
    else:
        labels = photographs(batch, height=height, width=width, classes=classes)
    image = (torch.randint(0, 256, (batch, 3, height, width)) / 127.5) - 1
    config = Config.model_validate({"preset": preset})
    encoder: Any = config.build(classes=classes, height=height, width=width, training=False).encoder
    crops = class_crops(image, labels, classes=classes)
    dense = straightforward.class_crops(image, labels, classes=classes)
    torch.testing.assert_close(crops.dense(), dense, rtol=0, atol=0)
    codes = straightforward.group_encoder(encoder, dense)
    for ours, theirs in zip(encoder(crops), codes, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    case = {"preset": preset, "batch": batch, "classes": classes, "present": len(crops.classes) / batch}
    inputs = {
        "growing_loop": lambda: straightforward.class_crops(image, labels, classes=classes, growing=True),
        "loop": lambda: straightforward.class_crops(image, labels, classes=classes),
        "ours": lambda: class_crops(image, labels, classes=classes),
    }
    encoders = {
        "all_classes": lambda: straightforward.group_encoder(encoder, dense),
        "present_classes": lambda: encoder(crops),
    }
    return [
        {"what": "encoder input", **case, **compare(inputs, **timing)},
        {"what": "encoder", **case, **compare(encoders, **timing)},
    ]


if __name__ == "__main__":
    main()
