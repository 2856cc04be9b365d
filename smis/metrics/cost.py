"""The cost of a system: parameters, floating-point operations, memory, and images per second.

Layers that look up the classes of a label map cost less for one with few classes, so the label map is the unit.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from smis.core.device import usable_device
from smis.core.errors import ParamsError, shown
from smis.core.numbers import listed, whole
from smis.metrics.image.features import device_name
from smis.metrics.image.result import Bootstrap, Result, check_bootstrap, of_maps

_WARM_UP = 3


def parameters(*modules: nn.Module | None) -> int:
    """Return the number of parameters; None counts 0.

    Raises:
        ParamsError: if something else is no network.

    Example:
        >>> parameters(nn.Linear(2, 3), None)
        9
    """
    for module in modules:
        if not isinstance(module, nn.Module | None):
            raise ParamsError(f"{shown(module)} is no network; give modules of torch, or None")
    return sum(parameter.numel() for module in modules if module is not None for parameter in module.parameters())


def seconds(run: Callable[[], object], *, device: torch.device) -> float:
    """Return the seconds of one run, from an idle device to an idle device.

    Raises:
        ParamsError: if nothing can be run, or there is no such device.
    """
    device = _checked(run, device)
    _wait(device)
    started = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - started


def flops(run: Callable[[], object]) -> int:
    """Return the number of operations of matrix products and convolutions.

    A multiply-add counts as two, as in torch; papers that count MACs give half.

    Raises:
        ParamsError: if nothing can be run.

    Example:
        >>> layer, x = nn.Linear(4, 5), torch.zeros(3, 4)
        >>> flops(lambda: layer(x))
        120
    """
    _checked(run, "cpu")
    logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)  # without Triton it warns when imported
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return counter.get_total_flops()


def peak_memory(run: Callable[[], object], *, device: torch.device) -> int:
    """Return the most bytes in use while `run` runs, weights included.

    On a GPU the memory allocated by torch; on a CPU the resident set of the process, which is comparable only if
    nothing else runs in it.

    Raises:
        ParamsError: if nothing can be run, or there is no such device.
    """
    device = _checked(run, device)
    _reset_peak(device)
    run()
    _wait(device)
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _resident_peak()


def _checked(run: object, device: torch.device | str) -> torch.device:
    if not callable(run):
        raise ParamsError(f"run is {shown(run)}; give a function without arguments")
    return usable_device(device)


@dataclass(frozen=True)
class BatchCost:
    """The cost of the runs for one batch of label maps."""

    seconds: tuple[float, ...]
    """Of each run."""
    flops: int
    """Of the whole batch, in its first run."""
    peak_memory: int
    """In bytes, of the first run."""


class Cost:
    """Gather the cost of runs from label maps on the device to images on the device.

    Args:
        generator: Its parameters are `parameters_g`, as INADE counts.
        encoder: With it they are `parameters_ge`, as SMIS counts; None if the system has none.
        batch: Label maps per run.
        device: Of the networks.

    Raises:
        ParamsError: if one of them is of another type, or not there.

    Example:
        >>> network, x = nn.Linear(4, 5), torch.zeros(3, 4)
        >>> cost = Cost(network, None, batch=3, device=torch.device("cpu"))
        >>> cost.update(["map 1", "map 2", "map 3"], lambda: network(x))
        >>> {result.name: result.value for result in cost.compute(Bootstrap(resamples=10))}["flops"]
        40.0
    """

    def __init__(self, generator: nn.Module, encoder: nn.Module | None, *, batch: int, device: torch.device) -> None:
        self._parameters = {"parameters_g": parameters(generator), "parameters_ge": parameters(generator, encoder)}
        self._batch, self._device = whole(batch, "batch", low=1), usable_device(device)
        self._warm = False
        self.batches: dict[tuple[str, ...], BatchCost] = {}

    def update(self, keys: Sequence[str], run: Callable[[], object]) -> None:
        """Measure a run for the batch of label maps `keys`; before the first run there are a few for warming up.

        A batch that was measured before gets another time; its operations and memory stay those of its first run.

        Raises:
            ParamsError: if there are no keys of text, or nothing can be run.
        """
        key = tuple(listed(keys, "keys", of="names of label maps"))
        if isinstance(keys, str) or not all(isinstance(each, str) for each in key):
            raise ParamsError(f"keys are {shown(keys)}; give a list of names of label maps")
        _checked(run, self._device)
        if not self._warm:
            self._warm = True
            for _ in range(_WARM_UP):
                run()
        before = self.batches.get(key)
        if before is None:
            times: list[float] = []
            peak = peak_memory(lambda: times.append(seconds(run, device=self._device)), device=self._device)
            self.batches[key] = BatchCost(tuple(times), flops(run), peak)
        else:
            duration = seconds(run, device=self._device)
            self.batches[key] = BatchCost((*before.seconds, duration), before.flops, before.peak_memory)

    def merge(self, other: "Cost") -> None:
        """Add what another process measured of the same networks on an equal device.

        For a batch of both, the values of the other process are used.
        """
        self.batches |= other.batches

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, ...]:
        """Return images per second, operations of one image, peak memory in bytes, and both numbers of parameters."""
        check_bootstrap(bootstrap)
        batches = [self.batches[key] for key in sorted(self.batches)]
        times = np.array([np.median(each.seconds) for each in batches])
        operations = np.array([each.flops for each in batches]) / self._batch
        peaks = np.array([each.peak_memory for each in batches], dtype=np.float64)
        counts = bootstrap.counts(len(batches))
        drawn_times = np.array([np.median(np.repeat(times, drawn.astype(int))) for drawn in counts])
        runs = sum(len(each.seconds) for each in batches)
        maps = {key for keys in self.batches for key in keys}
        counted = "allocated by torch" if self._device.type == "cuda" else "resident set of the process"
        common = {"batch": self._batch, "device": device_name(self._device), **of_maps(maps)}
        statistics = {
            "images_per_second": (
                self._batch / float(np.median(times)),
                self._batch / drawn_times,
                {"statistic": "median of warm runs", "runs": runs},
            ),
            "flops": (
                float(operations.mean()),
                bootstrap.means(operations),
                {"statistic": "mean", "counted": "matrix products and convolutions, a multiply-add as 2"},
            ),
            "peak_memory": (
                float(peaks.max()),
                np.where(counts > 0, peaks, 0).max(axis=1),
                {"statistic": "largest", "of": "drawing a batch", "counted": counted},
            ),
        }
        return (
            *(
                Result.drawn(name, value, draws=draws, protocol=common | own | bootstrap.protocol, batches=len(batches))
                for name, (value, draws, own) in statistics.items()
            ),
            *(Result(name, count, (count, count), {"interval": "exact"}) for name, count in self._parameters.items()),
        )


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # where it cannot be reset, the peak is that of the process so far
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def _resident_peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
        return int(fields["VmHWM"].split()[0]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _wait(device: torch.device) -> None:
    """Wait until a GPU has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
