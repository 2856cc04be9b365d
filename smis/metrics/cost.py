"""What a system costs: its parameters, its operations, its memory, and its images per second.

Where neighborhoods of a label map are looked up, a plain map costs less than a busy one: the label map is the unit.
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

from smis.metrics.image.features import device_name
from smis.metrics.image.result import Bootstrap, Result, of_maps

_WARM_UP = 3


def parameters(*modules: nn.Module | None) -> int:
    """Count the learned numbers; a network that a system does not have counts nothing."""
    return sum(parameter.numel() for module in modules if module is not None for parameter in module.parameters())


def seconds(run: Callable[[], object], *, device: torch.device) -> float:
    """Time one run, from an idle device to an idle device."""
    _wait(device)
    started = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - started


def flops(run: Callable[[], object]) -> int:
    """Count the operations of matrix products and convolutions.

    A multiplication and an addition are two, as torch counts; papers that give MACs give half.
    """
    logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)  # without Triton it warns when imported
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return counter.get_total_flops()


def peak_memory(run: Callable[[], object], *, device: torch.device) -> int:
    """Return the most bytes that were in use while `run` ran, weights and all.

    On a GPU those that torch had allocated; on a CPU the process's resident set, so that only a process of its own
    gives a value that another can be compared with.
    """
    _forget_peak(device)
    run()
    _wait(device)
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _resident_peak()


@dataclass(frozen=True)
class Spent:
    """What runs for one batch of label maps cost."""

    seconds: tuple[float, ...]
    """Of each run."""
    flops: int
    """Of the whole batch, in its first run."""
    peak_memory: int
    """In bytes, of the first run."""


class Cost:
    """Gather what runs cost that turn label maps on the device into images on the device."""

    def __init__(self, generator: nn.Module, encoder: nn.Module | None, *, batch: int, device: torch.device) -> None:
        self._parameters = {"parameters_g": parameters(generator), "parameters_ge": parameters(generator, encoder)}
        self._batch, self._device = batch, device
        self._warm = False
        self.spent: dict[tuple[str, ...], Spent] = {}

    def update(self, keys: Sequence[str], run: Callable[[], object]) -> None:
        """Measure a run for the batch of label maps `keys`; the first of all is run a few times before, unmeasured.

        The same batch again adds another time; operations and memory stay those of its first run.
        """
        key = tuple(keys)
        if not self._warm:
            self._warm = True
            for _ in range(_WARM_UP):
                run()
        before = self.spent.get(key)
        if before is None:
            times: list[float] = []
            peak = peak_memory(lambda: times.append(seconds(run, device=self._device)), device=self._device)
            self.spent[key] = Spent(tuple(times), flops(run), peak)
        else:
            again = seconds(run, device=self._device)
            self.spent[key] = Spent((*before.seconds, again), before.flops, before.peak_memory)

    def merge(self, other: "Cost") -> None:
        """Take over what another process measured, of the same networks on a like device: the protocol names only ours.

        Of a batch that both measured, the other's values take the place of ours.
        """
        self.spent |= other.spent

    def compute(self, bootstrap: Bootstrap) -> tuple[Result, ...]:
        """Return `images_per_second`, `flops` of one image, `peak_memory` in bytes, `parameters_g` and `parameters_ge`.

        `parameters_g` are the generator's, as INADE counts, `parameters_ge` the encoder's too, as SMIS counts.
        """
        spent = [self.spent[key] for key in sorted(self.spent)]
        times = np.array([np.median(each.seconds) for each in spent])
        operations = np.array([each.flops for each in spent]) / self._batch
        peaks = np.array([each.peak_memory for each in spent], dtype=np.float64)
        counts = bootstrap.counts(len(spent))
        drawn_times = np.array([np.median(np.repeat(times, drawn.astype(int))) for drawn in counts])
        runs = sum(len(each.seconds) for each in spent)
        maps = {key for keys in self.spent for key in keys}
        where = "allocated by torch" if self._device.type == "cuda" else "resident set of the process"
        common = {"batch": self._batch, "device": device_name(self._device), **of_maps(maps)}
        found = {
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
                {"statistic": "largest", "of": "drawing a batch", "counted": where},
            ),
        }
        return (
            *(
                Result.drawn(name, value, draws=draws, protocol=common | own | bootstrap.protocol, batches=len(spent))
                for name, (value, draws, own) in found.items()
            ),
            *(Result(name, count, (count, count), {"interval": "exact"}) for name, count in self._parameters.items()),
        )


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # where the system cannot forget, the peak is the process's so far
        Path("/proc/self/clear_refs").write_text("5")


def _resident_peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(fields["VmHWM"].split()[0]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _wait(device: torch.device) -> None:
    """A GPU answers before it has computed."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
