"""What a system's networks do to one image, without computing it: blocks, sizes, parameters, multiply-adds, data flow.

The networks are built on torch's meta device, where tensors have a shape and no numbers. Label maps, images and noise
are real, because layers look into them; where they meet a weight, they become tensors of the meta device.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.flop_counter import flop_registry

from smis.core.batch import Batch
from smis.core.seeding import Noise, generator
from smis.models.system_registry import SYSTEMS
from smis.nn.initialize import without_memory
from smis.published.published_datasets import dataset_of

LABELS, INSTANCES, IMAGE, STYLE = "label map", "instances", "image", "style"
INPUTS = (LABELS, INSTANCES, IMAGE, STYLE)
_EMPTY = {torch.ops.aten.bincount: lambda ids, weights=None, minlength=0: ids.new_empty(minlength)}
"""Operations that torch cannot do on the meta device."""
_WHOLE = (nn.modules.conv._ConvNd, nn.Linear)


@dataclass
class Block:
    """A box of the figure."""

    name: str
    kind: str
    channels: int
    height: int
    width: int
    parameters: int
    reads: set[str]
    """Names of earlier blocks, and inputs."""
    multiply_adds: int = 0
    repeated: int = 1

    @property
    def shape(self) -> tuple[str, int, int, int]:
        """What two blocks share that are drawn as one."""
        return self.kind, self.channels, self.height, self.width


@dataclass
class Network:
    """A network of a system, as it runs for one image."""

    role: str
    parameters: int
    blocks: list[Block] = field(default_factory=list)
    multiply_adds: int = 0
    copies: int = 1
    """Networks of the same shape side by side; one is drawn."""


@dataclass
class Traced:
    """The networks of a system for one preset; the encoder is missing where there is none."""

    classes: int
    height: int
    width: int
    networks: dict[str, Network]


class Trace(TorchDispatchMode):
    """Follow a forward pass: which block reads what, and what it costs."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[int, set[str]] = {}
        self.kept: list[Any] = []
        self.block: Block | None = None
        self.multiply_adds = 0

    def tag(self, value: Any, name: str) -> None:
        """Say where the tensors of an input come from."""
        for tensor in tree_flatten(value)[0]:
            if isinstance(tensor, Tensor):
                self._keep(tensor, {name})

    def of(self, values: Any) -> set[str]:
        """Return the blocks and inputs that tensors come from."""
        tensors = [each for each in tree_flatten(values)[0] if isinstance(each, Tensor)]
        return set().union(*(self.sources.get(id(tensor), set()) for tensor in tensors))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation on shapes if a tensor of it has no numbers, else as it is."""
        values, kwargs = (args, kwargs or {}), kwargs or {}
        sources = self.of(values)
        abstract = any(isinstance(each, Tensor) and each.is_meta for each in tree_flatten(values)[0])
        if abstract:
            args, kwargs = tree_map(_without_numbers, (_whole_indices(func, args), kwargs))
        result = (
            _EMPTY[func._overloadpacket](*args, **kwargs)
            if abstract and func._overloadpacket in _EMPTY
            else func(*args, **kwargs)
        )
        if abstract and func._overloadpacket in flop_registry:
            cost = flop_registry[func._overloadpacket](*args, **kwargs, out_val=result) // 2
            self.multiply_adds += cost
            if self.block is not None:
                self.block.multiply_adds += cost
        if self.block is not None:
            self.block.reads |= sources - {self.block.name}
        made = {self.block.name} if self.block is not None and abstract else sources
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, Tensor):
                self._keep(tensor, made | self.sources.get(id(tensor), set()) if tensor.is_meta is False else made)
        return result

    def _keep(self, tensor: Tensor, sources: set[str]) -> None:
        self.kept.append(tensor)  # an id is its own as long as its tensor lives
        self.sources[id(tensor)] = sources


ROLES = ("encoder", "generator", "discriminator")


def trace(name: str, preset: str, *, roles: tuple[str, ...] = ROLES) -> Traced:
    """Trace the networks of a system as a preset has them."""
    data = dataset_of(preset)
    classes, height, width = len(data.classes), data.height, data.width
    with without_memory():
        system = SYSTEMS.load(name)(preset=preset).build(classes=classes, height=height, width=width, training=False)
    system.eval()
    bands = torch.arange(height * width).view(1, height, width)
    labels, instances = (bands * count // (height * width) for count in (classes, min(classes, 8)))
    image, noise = torch.rand(1, 3, height, width), Noise(generator(0))
    traced = Traced(classes, height, width, {})
    for role in roles:
        network = getattr(system, role)
        if network is None:
            continue
        style = _style(system, image, labels, instances) if role == "generator" else None
        mode = Trace()
        mode.tag([labels], LABELS)
        mode.tag([instances], INSTANCES)
        mode.tag([image], IMAGE)
        mode.tag(list(vars(style).values()) if style else [], STYLE)
        with followed(network, role, mode) as found, torch.no_grad(), mode, _as_dense():
            if role == "encoder":
                system.encode(image, labels, instances, noise)
            elif role == "generator":
                system.synthesize(labels, instances, style)
            else:
                twice = [torch.cat([each, each]) for each in (image, labels, instances)]
                for each, name in zip(twice, (IMAGE, LABELS, INSTANCES), strict=True):
                    mode.tag([each], name)
                system.discriminator_terms(Batch(*twice, ("one", "other")), noise, fakes=twice[0])
        traced.networks[role] = found
    return traced


def _style(system: Any, image: Tensor, labels: Tensor, instances: Tensor) -> Any:
    """Return the style of an image, or a sampled one where there is no encoder."""
    with torch.no_grad(), Trace(), _as_dense():
        if system.encoder is None:
            return system.sample(labels, instances, Noise(generator(0)))
        return system.encode(image, labels, instances, Noise(generator(0)))


@contextmanager
def followed(network: nn.Module, role: str, mode: Trace) -> Iterator[Network]:
    """Follow the blocks of a network through one pass."""
    found = Network(role, sum(weight.numel() for weight in network.parameters()))
    handles = []
    drawn, found.copies = _drawn(network)
    names = {module: name for name, module in drawn.named_modules()}
    for module in _blocks(drawn):
        handles += _follow(module, names[module], found, mode)
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
        found.multiply_adds = mode.multiply_adds


def _follow(module: nn.Module, name: str, found: Network, mode: Trace) -> list[Any]:
    def enter(module: nn.Module, args: Any) -> None:
        if mode.block is not None:  # a layer of a block, which is a box itself where its block is passed by
            return
        size = sum(weight.numel() for weight in module.parameters())
        mode.block = Block(name, _kind(module), 0, 0, 0, size, mode.of(list(args)))

    def leave(module: nn.Module, args: Any, result: Any) -> None:
        block = mode.block
        if block is None or block.name != name:
            return
        mode.block = None
        first = next((each for each in tree_flatten(result)[0] if isinstance(each, Tensor)), None)
        if first is None or any(name == each.name for each in found.blocks):
            return
        shape = first.shape if first.dim() == 4 else (*first.shape[:2], 1, 1)
        block.channels, block.height, block.width = shape[1], shape[2], shape[3]
        found.blocks.append(block)

    return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]


def _drawn(network: nn.Module) -> tuple[nn.Module, int]:
    """Return the network that is drawn, and how many of its kind there are side by side."""
    children = list(network.children())
    alike = isinstance(network, nn.ModuleList) and len({type(each) for each in children}) == 1 and len(children) > 1
    return (children[0], len(children)) if alike else (network, 1)


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """Yield what is drawn as one box: blocks by name, and what has one convolution or linear layer."""
    for child in network.children():
        layers = sum(isinstance(each, _WHOLE) for each in child.modules())
        if layers == 1 or type(child).__name__.endswith("Block"):
            yield child
            if not type(child).__name__.endswith("Block"):  # the layer may be called past the Sequential it stands in
                yield from (each for each in child.modules() if isinstance(each, _WHOLE) and each is not child)
        else:
            yield from _blocks(child)


def _kind(module: nn.Module) -> str:
    layer = next((each for each in module.modules() if isinstance(each, _WHOLE)), module)
    return type(module).__name__ if type(module).__name__.endswith("Block") else type(layer).__name__


def _without_numbers(value: Any) -> Any:
    if isinstance(value, torch.device):
        return torch.device("meta")
    return value.to("meta") if isinstance(value, Tensor) and not value.is_meta else value


def _whole_indices(func: Any, args: Any) -> Any:
    """Turn masks into indices, whose number the meta device cannot know."""
    if func._overloadpacket not in (torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_):
        return args
    indices: list[Any] = []
    for index in args[1]:
        masked = isinstance(index, Tensor) and index.dtype == torch.bool and not index.is_meta
        indices += index.nonzero(as_tuple=True) if masked else [index]
    return args[0], indices, *args[2:]


@contextmanager
def _as_dense() -> Iterator[None]:
    """Count every position of a map: on a CPU, normalization layers look equal neighborhoods up instead."""
    with ExitStack() as patches:
        for module in ("label_maps", "noise_maps", "sean_norm"):
            patches.enter_context(patch(f"smis.nn.{module}.is_countable", lambda ids: False))
        yield
