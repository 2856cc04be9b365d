"""Calls of the library with bad arguments, run in a process of its own, without the type checks of the tests.

Prints, as JSON by title, the class and the message of what each call raised, or what it returned.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import smis
from smis.core.errors import SmisError
from smis.metrics import kid, model_diversity, segmentation
from smis.metrics.image import fid, lpips
from smis.metrics.image.feature_statistics import Moments, Statistics
from smis.metrics.image.sample_diversity import Diversity, InstanceDiversity, RegionDiversity
from smis.metrics.paired import PairedDistance
from tests.bad_input import measure_cases

good = Path(sys.argv[1])
NAN, INF = float("nan"), float("inf")


class Means(nn.Module):
    """Features that need no weights."""

    channels = 2048

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, image: Tensor) -> Tensor:
        return image.flatten(1)[:, :2048] * self.scale


def images(count: int = 4, channels: int = 3) -> Tensor:
    return torch.rand(count, channels, 32, 64, generator=torch.Generator().manual_seed(count)) * 2 - 1


def spoiled(value: float) -> Tensor:
    image = images()
    image[1, 0, 3, 4] = value
    return image


def unit() -> Statistics:
    return Statistics(torch.zeros(2).double(), torch.eye(2).double())


def two_networks(*, update_real: int = 2) -> None:
    distance = kid.KernelDistance("kid", {})
    distance.update_real(torch.zeros(4, 2))
    distance.update_real(torch.zeros(4, update_real))
    distance.update(torch.zeros(4, 3))
    distance.compute(fid.Bootstrap(10))


def modeled(maps: Any, **options: Any) -> Any:
    return model_diversity.measure(lambda *_, **__: None, maps, network=alex, **options)


def regions(mask: Any, resampled: Any = 1, **options: Any) -> None:
    RegionDiversity(alex, classes=6, **options).update("map", images(), mask, resampled=resampled)


alex, means = lpips.load("stlpips_alex"), Means()
synth = smis.load(good / "groupdnet.safetensors", device="cpu")
by_instance = smis.load(good / "inade.safetensors", device="cpu")
encoderless = smis.load(good / "encoderless.safetensors", device="cpu")
labels = torch.from_numpy((np.arange(64) * 5 // 64).astype(np.int64)).expand(32, 64).contiguous()
style = synth.sample(labels)
square = torch.zeros(2, 8, 8, dtype=torch.int64)
inside = labels == 1

BAD_IMAGES: dict[str, Any] = {
    "bytes": (images() * 127 + 128).to(torch.uint8),
    "whole numbers": (images() * 127 + 128).to(torch.int64),
    "floats of 0 to 255": images() * 127.5 + 127.5,
    "floats of 0 to 1": images() / 2 + 0.5,
    "one channel": images(channels=1),
    "four channels": images(channels=4),
    "channels last": images().permute(0, 2, 3, 1),
    "a NaN": spoiled(NAN),
    "an infinity": spoiled(INF),
    "no image": images()[:0],
    "one image without a batch": images()[0],
    "booleans": images() > 0,
    "complex numbers": images().to(torch.complex64),
    "an array": images().numpy(),
    "a list of numbers": [1.0, 2.0],
    "None": None,
    "a path": "folder/of/images",
    "a dict": {"image": images()},
    "no storage": images().to("meta"),
    "a sparse tensor": images().to_sparse(),
}
CALLS: dict[str, Any] = {
    "fid.measure(real)": lambda image: fid.measure(image, images(5), network=means),
    "fid.measure(fake)": lambda image: fid.measure(images(5), image, network=means),
    "kid.measure(real)": lambda image: kid.measure(image, images(5), network=means),
    "kid.measure(fake)": lambda image: kid.measure(images(5), image, network=means),
    "fid.statistics": lambda image: fid.statistics(image, network=means),
    "Diversity.update": lambda image: Diversity(alex).update("map", image),
    "RegionDiversity.update": lambda image: RegionDiversity(alex, classes=6).update("map", image, inside, resampled=1),
    "lpips": lambda image: alex(image, image),
}
cases = {
    f"{call}: {image}": (lambda run=run, value=value: run(value))
    for call, run in CALLS.items()
    for image, value in BAD_IMAGES.items()
    if not (call == "lpips" and image == "no image")
}
cases |= {
    "fid of one image": lambda: fid.measure(images(5), images(1), network=means),
    "kid of one image": lambda: kid.measure(images(1), images(5), network=means),
    "kid of nothing": lambda: kid.measure([], images(5), network=means),
    "fid of nothing": lambda: fid.measure([], images(5), network=means),
    "fid: batch 0": lambda: fid.measure(images(5), images(5), network=means, batch=0),
    "kid: batch -1": lambda: kid.measure(images(5), images(5), network=means, batch=-1),
    "diversity of one image": lambda: Diversity(alex).update("map", images(1)),
    "diversity without images": lambda: Diversity(alex).compute(fid.Bootstrap(10)),
    "regions of another size": lambda: regions(square[0] == 0),
    "regions without the class": lambda: regions(inside, 77),
    "instances of another size": lambda: InstanceDiversity(alex).update("map", images(), square[0] == 0, resampled=1),
    "lpips of two sizes": lambda: alex(images(), images()[..., :32]),
    "lpips of two counts": lambda: alex(images(4), images(3)),
    "lpips of 4 x 4 pixels": lambda: alex(images()[..., :4, :4], images()[..., :4, :4]),
    "lpips: unknown network": lambda: lpips.load("vgg99"),
    "confusion: one map against two": lambda: segmentation.confusion(square[:1], square, classes=2),
    "confusion: two maps against one": lambda: segmentation.confusion(square, square[:1], classes=2),
    "confusion: other sizes": lambda: segmentation.confusion(square, square[:, :4], classes=2),
    "confusion: a class too many": lambda: segmentation.confusion(square + 2, square, classes=2),
    "confusion: a negative class": lambda: segmentation.confusion(square - 1, square, classes=2),
    "confusion: floats": lambda: segmentation.confusion(square.float(), square, classes=2),
    "confusion: no maps": lambda: segmentation.confusion(square[:0], square[:0], classes=2),
    "confusion: no classes": lambda: segmentation.confusion(square, square, classes=0),
    "confusion: arrays of colors": lambda: segmentation.confusion(images(2), images(2), classes=2),
    "segmentation: names that do not fit": lambda: segmentation.Segmentation(classes=2, protocol={}).update(
        ["a"], square, square
    ),
    "segmentation without maps": lambda: segmentation.Segmentation(classes=2, protocol={}).compute(fid.Bootstrap(10)),
    "Moments: NaN": lambda: Moments(2).update(torch.tensor([[NAN, 0.0]])),
    "Moments: other dimensions": lambda: Moments(2).update(torch.zeros(3, 4)),
    "Moments: one vector": lambda: Moments(2).update(torch.zeros(2)),
    "Moments: nothing": lambda: Moments(2).update(torch.zeros(0, 2)),
    "Moments: whole numbers": lambda: Moments(2).update("vectors"),
    "Statistics: NaN": lambda: Statistics(torch.full((2,), NAN).double(), torch.eye(2).double()),
    "fid: names of others": lambda: fid.measure([(["a"], images())], images(5), network=means),
    "fid: names as text": lambda: fid.measure([("abcd", images())], images(5), network=means),
    "fid: network by name": lambda: fid.measure(images(), images(5), network="inception"),
    "fid: a seed of text": lambda: fid.measure(images(), images(5), network=means, seed="1"),
    "fid: batch of text": lambda: fid.measure(images(), images(5), network=means, batch="32"),
    "fid: a batch without images": lambda: fid.measure([images(), images()[:0]], images(5), network=means),
    "fid: features of other dimensions": lambda: fid.FrechetDistance("fd", unit(), {}).update(torch.zeros(3, 4)),
    "fid: features of another count": lambda: fid.FrechetDistance("fd", unit(), {}).update(torch.zeros(3, 2), ["a"]),
    "fid: features as a list": lambda: fid.FrechetDistance("fd", unit(), {}).update([[0.0, 1.0]]),
    "kid: no subsets": lambda: kid.KernelDistance("kid", {}, count=0),
    "kid: subsets of one": lambda: kid.KernelDistance("kid", {}, size=1),
    "kid: features of two networks": lambda: two_networks(),
    "kid: features of other dimensions": lambda: two_networks(update_real=3),
    "Moments: no dimensions": lambda: Moments(0),
    "Moments: a thousand million dimensions": lambda: Moments(10**9),
    "Statistics: other shapes": lambda: Statistics(torch.zeros(2).double(), torch.eye(3).double()),
    "Statistics: arrays": lambda: Statistics(np.zeros(2), np.eye(2)),
    "diversity: network by name": lambda: Diversity("lpips_alex"),
    "diversity: unknown pairs": lambda: Diversity(alex, pairs="neighbors").update("map", images()),
    "diversity: batch 0": lambda: Diversity(alex, batch=0).update("map", images()),
    "regions: unknown rule": lambda: regions(inside, region="box"),
    "regions: a mask of 0 and 1": lambda: regions(inside.byte()),
    "regions: a mask of scores": lambda: regions(inside.float()),
    "regions: no mask": lambda: regions(None),
    "regions: a class of text": lambda: regions(inside, "1"),
    "regions: a thousand million classes": lambda: RegionDiversity(alex, classes=10**9),
    "regions without images": lambda: RegionDiversity(alex, classes=6).compute(fid.Bootstrap(10)),
    "instances without images": lambda: InstanceDiversity(alex).compute(fid.Bootstrap(10)),
    "instances: a negative one": lambda: InstanceDiversity(alex).update("map", images(), inside, resampled=-1),
    "pairs: names of others": lambda: PairedDistance(alex).update(["a"], images(), images()),
    "pairs: none": lambda: PairedDistance(alex).compute(fid.Bootstrap(10)),
    "confusion: arrays": lambda: segmentation.confusion(square.numpy(), square.numpy(), classes=2),
    "confusion: None": lambda: segmentation.confusion(None, square, classes=2),
    "confusion: one map without a batch": lambda: segmentation.confusion(square[0], square[0], classes=2),
    "confusion: scores": lambda: segmentation.confusion(square[:, None].expand(2, 2, 8, 8), square, classes=2),
    "confusion: a thousand million classes": lambda: segmentation.confusion(square, square, classes=10**9),
    "confusion: ignore as text": lambda: segmentation.confusion(square, square, classes=2, ignore="255"),
    "confusion: ignore a half": lambda: segmentation.confusion(square, square, classes=2, ignore=[0.5]),
    "segmentation: names as text": lambda: segmentation.Segmentation(classes=2, protocol={}).update(
        "ab", square, square
    ),
    "model: one map by itself": lambda: modeled(labels[None]),
    "model: a map without a batch": lambda: modeled({"map": labels}),
    "model: a map of floats": lambda: modeled({"map": labels[None].float()}),
    "model: instances of other maps": lambda: modeled({"map": labels[None]}, instances={"other": labels[None]}),
    "model: instances of another size": lambda: modeled({"map": labels[None]}, instances={"map": labels[None, :16]}),
    "model: a million million samples": lambda: modeled({"map": labels[None]}, samples=10**12),
    "model: one image at a time, of None": lambda: model_diversity.measure(
        lambda labels, resample: None, {"map": labels[None]}, network=alex
    ),
    "model: None": lambda: modeled({"map": labels[None]}),
    "model: bytes": lambda: model_diversity.measure(
        lambda *_, samples, **__: torch.zeros(samples, 3, 32, 64, dtype=torch.uint8),
        {"map": labels[None]},
        network=alex,
    ),
    "model: no maps": lambda: modeled({}),
    "model: one sample": lambda: modeled({"map": labels[None]}, samples=1),
}
BAD_SEEDS = {
    "None": None,
    "text": "1",
    "a float": 1.5,
    "negative": -1,
    "too large": 2**70,
    "a NaN": NAN,
    "no seeds": [],
    "a dict": {},
    "a truth": True,
    "a list of text": ["1"],
    "a list of lists": [[1]],
    "5,000 digits": 10**5000,
    "a generator": iter([1]),
}
BAD_COUNTS = {
    "a truth": True,
    "a list": [2],
    "5,000 digits": 10**5000,
    "0": 0,
    "-1": -1,
    "a float": 1.5,
    "text": "2",
    "a million million": 10**12,
    "None": None,
}
cases |= {
    f"sample(seed={name})": (lambda value=value: synth.sample(labels, seed=value)) for name, value in BAD_SEEDS.items()
}
cases |= {
    f"resample(seed={name})": (lambda value=value: style.resample(["hair"], seed=value))
    for name, value in BAD_SEEDS.items()
}
cases |= {
    f"sample(samples={name})": (lambda value=value: synth.sample(labels, samples=value))
    for name, value in BAD_COUNTS.items()
}
cases |= {f"repeat({name})": (lambda value=value: style.repeat(value)) for name, value in BAD_COUNTS.items()}
BAD_CLASSES = {
    "an empty list": [],
    "unknown": ["hat"],
    "near": ["hiar"],
    "too large": [6],
    "negative": [-1],
    "a float": [1.5],
    "text": "",
    "None in it": [None],
    "a dict": {},
    "a dict of names": {"hair": 1},
    "a truth": True,
    "bytes": b"hair",
}
cases |= {
    f"resample({name})": (lambda value=value: style.resample(value, seed=1)) for name, value in BAD_CLASSES.items()
}
cases |= {
    f"mix({name})": (lambda value=value: style.mix(style, value))
    for name, value in {
        "an empty dict": {},
        "unknown": {"hat": 1.0},
        "NaN": {"hair": NAN},
        "infinite": {"hair": INF},
        "text": {"hair": "much"},
        "None": None,
        "a list": ["hair"],
    }.items()
}
cases |= {
    f"morph({name})": (lambda value=value: style.morph(style, value))
    for name, value in {"NaN": NAN, "infinite": INF, "text": "half", "None": None}.items()
}
cases |= {
    "style[5]": lambda: style[5],
    "style[1:1]": lambda: style[1:1],
    "style[::0]": lambda: style[::0],
    "style[None]": lambda: style[None],
    "style[[0]]": lambda: style[[0]],
    "style.save(None)": lambda: style.save(None),
    "style file: None": lambda: synth.style(None),
    "encode(seed=text)": lambda: synth.encode(images(1), labels, seed="1"),
    "encode(seed=a list)": lambda: synth.encode(images(1), labels, seed=[1]),
    "two seeds for one map": lambda: synth.sample(labels, seed=[1, 2]),
    "resample no instances": lambda: by_instance.sample(labels).resample(instances=[]),
    "resample a dict of instances": lambda: by_instance.sample(labels).resample(instances={1: 1}),
    "resample an instance of text": lambda: by_instance.sample(labels).resample(instances=["1"]),
    "resample an instance of truth": lambda: by_instance.sample(labels).resample(instances=[True]),
    "labels: no storage": lambda: synth(labels.to("meta")),
    "labels: complex numbers": lambda: synth(labels.to(torch.complex64)),
    "instances: text in a list": lambda: by_instance(labels, instances=["a"]),
    "load: device of floats": lambda: smis.load(good / "inade.safetensors", device=1.5),
    "style['hair']": lambda: style["hair"],
    "style[1.5]": lambda: style[1.5],
    "morph to None": lambda: style.morph(None, 0.5),
    "mix with None": lambda: style.mix(None, {"hair": 1.0}),
    "copy from None": lambda: style.copy(None, source="hair", target="hair"),
    "copy an unknown class": lambda: style.copy(style, source="hat", target="hair"),
    "resample an instance of a system by class": lambda: style.resample(instances=[1], seed=1),
    "resample an instance that is not there": lambda: by_instance.sample(labels).resample(instances=[99], seed=1),
    "a style of another system": lambda: synth(labels, by_instance.sample(labels)),
    "a style as text": lambda: synth(labels, "style"),
    "encode without an encoder": lambda: encoderless.encode(images(1), labels),
    "labels: None": lambda: synth(None),
    "labels: floats": lambda: synth(labels.float()),
    "labels: booleans of another size": lambda: synth(torch.zeros(31, 63, dtype=torch.bool)),
    "labels: 4 dimensions": lambda: synth(labels[None, None]),
    "labels: one dimension": lambda: synth(labels[0]),
    "labels: empty": lambda: synth(labels[:0]),
    "labels: ids of a million": lambda: synth(labels + 10**6),
    "labels: negative": lambda: synth(labels - 1),
    "labels: a list": lambda: synth([[0, 1], [1]]),
    "labels: text": lambda: synth("no/such/file.png"),
    "labels: NumPy objects": lambda: synth(np.array([[None, 1]], dtype=object)),
    "labels: strings": lambda: synth(np.array([["hair", "top"]])),
    "instances: another size": lambda: by_instance(labels, instances=labels[:16]),
    "instances: another count": lambda: by_instance(labels, instances=torch.stack([labels, labels])),
    "instances across classes": lambda: by_instance(labels, instances=torch.ones_like(labels)),
    "sketch of a system without": lambda: synth(labels, sketch=torch.zeros(32, 64)),
    "load: a folder": lambda: smis.load(good),
    "load: nothing": lambda: smis.load(""),
    "load: None": lambda: smis.load(None),
    "load: device meta": lambda: smis.load(good / "inade.safetensors", device="meta"),
    "load: device tpu": lambda: smis.load(good / "inade.safetensors", device="tpu"),
    "load: device cuda:77": lambda: smis.load(good / "inade.safetensors", device="cuda:77"),
    "load: precision half": lambda: smis.load(good / "inade.safetensors", precision="float16"),
    "style file that is a checkpoint": lambda: synth.style(good / "groupdnet.safetensors"),
    "style file: nothing": lambda: synth.style("no/such.safetensors"),
}  # fmt: skip
GOOD_PHOTOGRAPHS = ("an array", "bytes", "channels last", "one image without a batch")
BAD_PHOTOGRAPHS = {name: value for name, value in BAD_IMAGES.items() if name not in GOOD_PHOTOGRAPHS}
cases |= {
    f"encode: {name}": (lambda value=value: synth.encode(value, labels)) for name, value in BAD_PHOTOGRAPHS.items()
}

cases |= measure_cases.cases
wide = torch.tensor([[[0, 0, 1, 255]]])
expected = segmentation.confusion(wide % 255, wide, classes=2, ignore=255).tolist()
bars = images() * inside
cases |= {
    "good: NumPy's numbers of classes": lambda: segmentation.confusion(
        wide % 255, wide, classes=np.int32(2), ignore=np.uint8(255)
    ).tolist() == expected,
    "good: NumPy's ids": lambda: segmentation.confusion(
        (wide % 255).byte(), wide.to(torch.uint16), classes=2, ignore=np.array([255])
    ).tolist() == expected,
    "good: NumPy's numbers of resamples": lambda: fid.Bootstrap(np.int64(10), seed=torch.tensor(1))
    == fid.Bootstrap(10, 1),
    "good: NumPy's batch and seed": lambda: fid.measure(
        images(), images(5), network=means, batch=np.int64(2), seed=np.int64(3)
    ) == fid.measure(images(), images(5), network=means, batch=2, seed=3),
    "good: half precision": lambda: torch.equal(
        alex(images().half(), images(3).half().mean(0, keepdim=True).expand(4, 3, 32, 64)),
        alex(images().half().float(), images(3).half().mean(0, keepdim=True).float().expand(4, 3, 32, 64)),
    ),
    "good: a class by itself": lambda: bool((alex(bars.abs(), bars.abs().flip(0)) > 0).all()),
    "good: a resampled class of NumPy": lambda: regions(inside, np.int64(1)) is None,
    "good: one image of an encoder": lambda: torch.equal(
        synth.encode(images(1)[0], labels).latents.classes, synth.encode(images(1), labels).latents.classes
    ),
}  # fmt: skip


def outcome(run: Any) -> list[str]:
    signal.alarm(100)
    try:
        value = run()
    except SmisError as error:
        return ["SmisError", str(error)]
    except Exception as error:  # what a user would see as a traceback
        return [type(error).__name__, str(error)[:300]]
    finally:
        signal.alarm(0)
    return ["nothing", repr(value)[:200]]


def too_long(*_: object) -> None:
    raise TimeoutError("it takes longer than 100 s")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # what asks for all memory fails here, not the machine
    signal.signal(signal.SIGALRM, too_long)
    print(json.dumps({title: outcome(run) for title, run in cases.items()}))
