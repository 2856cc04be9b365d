"""`python -m benchmarks.studio`: from a stroke to its picture in the studio, as JSON.

A page sends one request for each stroke; here each goes through the whole server (`starlette.testclient`, no socket):
the map grows by a stroke on which the style's own map is kept, so its style, but no layout and no picture, is known
from before. Both models of the zoo, at their 128 x 128 and built for 64 x 64. The goals, on two cores:
150 ms at 64 x 64, 400 ms at 128 x 128. `first_s` is from the start of `smis studio` to its address, and to a picture.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import torch
from numpy import ndarray
from starlette.testclient import TestClient

from benchmarks.clock import machine
from smis.datasets.io.raw_images import resize_ids
from smis.models.system_registry import SYSTEMS
from smis.studio.application import create_app
from smis.studio.encoded_images import decode_map, map_text
from smis.studio.model_library import ModelLibrary
from smis.studio.model_sources import ModelSource, zoo_sources
from smis.studio.service import StudioService
from smis.training.export import read_checkpoint, save_weights, tensors_of

SMALL = 64


def main() -> None:
    parser = argparse.ArgumentParser(description="Time strokes in the studio.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--strokes", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        sources = {source.name: source for each in zoo_sources() for source in (each, smaller(each, Path(folder)))}
        with TestClient(
            create_app(StudioService(ModelLibrary(sources, device="cpu"))), base_url="http://127.0.0.1"
        ) as client:
            examples = {
                model["name"].partition(" ")[0]: model["examples"][0]["labels"]
                for model in reversed(client.get("/api/models").json())
            }
            rows = [measure(client, name, examples[name.partition(" ")[0]], options.strokes) for name in sources]
    print(json.dumps({"machine": machine(), "first_s": first_seconds(), "rows": rows}, indent=2))


def smaller(source: ModelSource, folder: Path) -> ModelSource:
    """Write a model like one of the zoo that paints 64 x 64; its weights are random, which takes as long."""
    checkpoint = read_checkpoint(source.path, SYSTEMS)
    system = checkpoint.build(SMALL, SMALL)
    tensors = tensors_of({"generator": system.generator, "encoder": system.encoder})
    path = folder / f"{source.name.removeprefix('zoo:')}.safetensors"
    save_weights(path, tensors, metadata={**checkpoint.metadata, "height": str(SMALL), "width": str(SMALL)})
    return ModelSource(f"{source.name} at {SMALL}", path, labels=source.labels)


def measure(client: TestClient, name: str, example: str, strokes: int) -> dict[str, Any]:
    """Return the milliseconds of a stroke, asked for and answered, and of the processors: those wait for nobody."""
    size = SMALL if name.endswith(f"at {SMALL}") else 128
    ids = np.array(resize_ids(decode_map(b64decode(example), title=name), (size, size)))
    recipe = {"start": {"seed": 7}, "labels": map_text(ids), "then": [{"resample": {"classes": ["hair"], "seed": 5}}]}
    taken: list[float] = []
    worked: list[float] = []
    for number in range(strokes + 3):
        request = {"model": name, "labels": map_text(stroke(ids, number)), "recipes": [recipe], "page": "bench"}
        start, before = time.perf_counter(), time.process_time()
        answer = client.post("/api/synthesize", json=request)
        taken.append(1000 * (time.perf_counter() - start))
        worked.append(1000 * (time.process_time() - before))
        assert answer.status_code == 200, answer.text
    warm = sorted(taken[3:])
    return {
        "what": name,
        "median_ms": round(statistics.median(warm), 1),
        "fastest_ms": round(warm[0], 1),
        "slowest_ms": round(warm[-1], 1),
        "processor_ms": round(statistics.median(worked[3:]), 1),
    }


def stroke(ids: ndarray, number: int) -> ndarray:
    """Paint one more dot of class 3 into the map."""
    row, column = divmod(number, len(ids) // 4)
    ids[4 * row : 4 * row + 3, 4 * column : 4 * column + 3] = 3
    return ids


def first_seconds() -> dict[str, float]:
    """Return seconds from the start of the command to its address, and to the first picture."""
    start = time.perf_counter()
    command = [sys.executable, "-c", "import sys; from smis.cli import main; sys.exit(main())"]
    arguments = ["studio", "--port", "0", "--device", "cpu"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().partition(" ")[0]
        seconds = {"address": round(time.perf_counter() - start, 2)}
        with urlopen(f"{address}api/models") as answer:
            model = json.load(answer)[0]
        request = {
            "model": model["name"],
            "labels": model["examples"][0]["labels"],
            "recipes": [{"start": {"seed": 7}}],
        }
        urlopen(
            Request(f"{address}api/synthesize", json.dumps(request).encode(), {"content-type": "application/json"})
        ).close()
        seconds["picture"] = round(time.perf_counter() - start, 2)
        process.terminate()
    return seconds


if __name__ == "__main__":
    main()
