"""The training loop: read from top to bottom."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Protocol, runtime_checkable

from smis.core.progress import Bar
from smis.core.transfer import Transferable, to_device
from smis.training.learner import Learner
from smis.training.post_mortem import Examiner
from smis.training.states import States
from smis.training.stopping import Stopped, Stopping
from smis.training.tracker import Tracker
from smis.training.validation import Validation, unjudged
from smis.training.watch import Watch


@runtime_checkable
class Batches(Protocol):
    """What the loop asks of a loader."""

    def from_step(self, step: int) -> Iterator[Transferable]:
        """Return the batches of this step (counted from 0), the next, and so on without end."""
        ...


def train(
    learner: Learner,
    batches: Batches,
    *,
    seed: int,
    states: States,
    tracker: Tracker,
    look: Callable[[int], None],
    validation: Validation | None = None,
    title: str = "training",
) -> None:
    """Train from the learner's step to the last one, or to where `validation` gives up.

    `look(step)` is called on the first process every `grid_every` steps and after the last, while the networks wear
    their average; so does validation measure, on all processes. A step's random draws depend on (seed, step) alone:
    no generator is part of the state.

    Raises:
        LabelError: if a picture has more instances than the system has slots for.
        TrainingError: if a loss term is not finite or explodes; names the step, the term, the pictures of the batch,
            and a file beside the states for a post-mortem.
        DiskError: if a state or picture cannot be written; the last good state stays.
        Stopped: after a SIGTERM to any process, when the state of the step is saved.
    """
    config, processes = learner.config, learner.processes
    data = batches.from_step(learner.step)
    validation = validation or unjudged()
    watch = Watch(learner)
    examiner = Examiner(processes, config.explodes_at, states.folder.with_name("post-mortem.pt"))
    bar = Bar(title, total=config.steps, unit="steps", visible=processes.first)

    with Stopping(processes) as stopping, states, bar:
        bar.skip(learner.step)
        for step in range(learner.step + 1, config.steps + 1):
            if validation.gives_up(learner.step):
                bar.advance(0, note=f"ended: none was better than {validation.best}")
                break
            stopping.ask()
            watch.waits()
            batch = to_device(next(data), learner.system, processes.device)
            watch.has_data()
            terms = learner.take(step, batch, seed=seed)

            stops = stopping.answered()
            logs, looks, saves = (_due(step, every, config.steps) for every in config.rhythm)
            judges = validation.due(step, last=config.steps)
            fetches = logs or looks or saves or judges or stops
            values = examiner.means(terms, step=step, batch=batch, state=learner.state) if fetches else {}
            found = watch.measured(step) if logs else {}
            score = None
            with watch.paused(), learner.average.worn() if looks or judges else nullcontext():
                if looks and processes.first:
                    look(step)
                if judges:
                    score, judged = validation.measured(step)
                    found |= judged
            if found:
                tracker.log(step, values | found)
            if (saves or judges or stops) and processes.first:
                states.save(step, learner.state(), score=score)
            bar.advance(note="  ".join(f"{name} {value:.3g}" for name, value in values.items()))
            if stops:
                raise Stopped


def _due(step: int, every: int, last: int) -> bool:
    return step % every == 0 or step == last
