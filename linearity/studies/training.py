"""Train a student on windows of split F, watch it on split A, and keep the best of its weights.

Everything that decides a step is a function of the seed and the step's number, and a checkpoint
holds the weights, both moments of the optimiser and the curve. A run that was killed therefore ends
as one that was not: to the bit on a processor, up to the order of its sums on a GPU.
"""

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from linearity.contracts.common import Quality
from linearity.contracts.heal import CurvePoint, HealParams, Training
from linearity.errors import NonFiniteStatesError
from linearity.measure.distillation import (
    divergence,
    ordinary_tokens,
    states_distance,
    text_loss,
)
from linearity.measure.windows import Window
from linearity.models.changes import Changes
from linearity.models.replay import dense_pass, scored_tokens
from linearity.models.student import Student
from linearity.ports import Checkpoints

WATCHED = 20
"""How often a training is looked at on split A, and kept, beside its beginning."""
WARM_UP = 0.05
LARGEST_NORM = 1.0
"""Longer gradients are shortened to this."""
BETAS = (0.9, 0.999)

Watch = Callable[[Changes], Quality]
Tell = Callable[[Sequence[CurvePoint]], None]


@dataclass(frozen=True)
class Trained:
    """A student at its best.

    Parameters
    ----------
    changes : Changes
    training : Training
    """

    changes: Changes
    training: Training


@dataclass
class _Sums:
    """Losses since the last look, added up."""

    steps: int = 0
    loss: float = 0.0
    states: float = 0.0
    kl: float = 0.0


@dataclass
class _Place:
    """How far a training is."""

    step: int = 0
    tokens: int = 0
    curve: list[CurvePoint] = field(default_factory=list)
    sums: _Sums = field(default_factory=_Sums)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0


class Trainer:
    """One training.

    Parameters
    ----------
    student : Student
    windows : sequence of Window
    params : HealParams
    name : str
        Tells this training from others of the same run.
    watch : callable
        From a changed model to its quality on split A.
    check : callable
        Called with the steps done, between steps; may raise to stop.
    """

    def __init__(
        self,
        student: Student,
        windows: Sequence[Window],
        params: HealParams,
        *,
        name: str,
        watch: Watch,
        check: Callable[[int], None],
    ) -> None:
        self.student, self.windows, self.params = student, list(windows), params
        self.name, self.watch, self.check = name, watch, check
        self._weights = list(student.parameters.values())
        self._optimiser = torch.optim.AdamW(
            self._weights, lr=params.learning_rate, betas=BETAS, weight_decay=0.0
        )
        self._place = _Place()

    def run(self, checkpoints: Checkpoints, tell: Tell) -> Trained:
        """Train to the end, from where an earlier attempt was.

        Parameters
        ----------
        checkpoints : Checkpoints
        tell : callable
            Hears of every look at split A: the curve so far.
        """
        every = math.ceil(self.params.steps / WATCHED)
        self._take_up(checkpoints.load_bytes())
        if not self._place.curve:
            self._look()
        tell(self._place.curve)
        with _repeatable():
            while self._place.step < self.params.steps:
                self.check(self._place.step)
                self._step()
                if self._place.step % every == 0 or self._place.step == self.params.steps:
                    self._look()
                    checkpoints.save_bytes(self._kept())
                    tell(self._place.curve)
        self._use(self._place.best)
        return Trained(self.student.changes(f"{self.name}:best"), self._training())

    def _step(self) -> None:
        place, params = self._place, self.params
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(place.step, params.steps, highest=params.learning_rate)
        chosen = [self.windows[k] for k in drawn(place.step, params, len(self.windows))]
        loss = self._loss(chosen)
        if not math.isfinite(loss.item()):
            raise NonFiniteStatesError(
                f"the loss of step {place.step + 1} is not a finite number",
                next_step="Use a lower learning_rate, or dtype=float32.",
                step=place.step + 1,
            )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        torch.nn.utils.clip_grad_norm_(self._weights, LARGEST_NORM)
        self._optimiser.step()
        place.step += 1
        place.tokens += sum(len(window.ids) for window in chosen)

    def _loss(self, windows: Sequence[Window]) -> Tensor:
        model, sums = self.student.model, self._place.sums
        with torch.no_grad():
            batch, dense = dense_pass(model, windows)
            scored = scored_tokens(batch)[:, 1:]
        states = self.student.forward(batch, dense)
        rows = states[-1][1][:, :-1][scored]
        sums.steps += 1
        if self.params.objective == "text":
            loss = text_loss(model.layout.logits, rows, batch.ids[:, 1:][scored])
            sums.loss += loss.item()
            return loss
        ordinary = ordinary_tokens(dense, batch.mask)
        distances = [
            states_distance(state, dense[number], batch.mask, ordinary) for number, state in states
        ]
        distance = torch.stack(distances).sum()
        kl = divergence(model.layout.logits, rows, dense[-1][:, :-1][scored])
        loss = distance + self.params.alpha * kl
        sums.loss += loss.item()
        sums.states += distance.item()
        sums.kl += kl.item()
        return loss

    def _look(self) -> None:
        """Measure split A, and keep the weights if they are the best so far."""
        place, sums = self._place, self._place.sums
        quality = self.watch(self.student.changes(f"{self.name}:{place.step}"))
        aim = "select_nll" if self.params.objective == "text" else "select_kl"
        best = min((getattr(point, aim) for point in place.curve), default=math.inf)
        if getattr(quality, aim.removeprefix("select_")) < best:
            place.best_step = place.step
            place.best = {n: p.detach().clone() for n, p in self.student.parameters.items()}
        distils = sums.steps > 0 and self.params.objective == "distil"
        place.curve.append(
            CurvePoint(
                step=place.step,
                tokens=place.tokens,
                loss=sums.loss / sums.steps if sums.steps else None,
                states=sums.states / sums.steps if distils else None,
                kl=sums.kl / sums.steps if distils else None,
                select_nll=quality.nll,
                select_nll_diff=quality.nll_diff,
                select_kl=quality.kl,
            )
        )
        place.sums = _Sums()

    @torch.no_grad()
    def _use(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self.student.parameters.items():
            parameter.copy_(weights[name])

    def _kept(self) -> bytes:
        """Return everything that the next attempt needs."""
        place, tensors = self._place, dict[str, Tensor]()
        for name, parameter in self.student.parameters.items():
            moments = self._optimiser.state[parameter]
            tensors |= {
                f"now.{name}": parameter.detach(),
                f"mean.{name}": moments["exp_avg"],
                f"square.{name}": moments["exp_avg_sq"],
                f"best.{name}": place.best[name],
            }
        told = {
            "name": self.name,
            "place": json.dumps(
                {
                    "step": place.step,
                    "tokens": place.tokens,
                    "best_step": place.best_step,
                    "curve": [asdict(point) for point in place.curve],
                }
            ),
        }
        return save({n: t.cpu().contiguous() for n, t in tensors.items()}, metadata=told)

    def _take_up(self, data: bytes | None) -> None:
        """Go on where an earlier attempt at this training was."""
        told = _told(data)
        if data is None or told.get("name") != self.name:
            return
        place: dict[str, Any] = json.loads(told["place"])
        tensors = load(data)
        self._place = _Place(
            step=place["step"],
            tokens=place["tokens"],
            best_step=place["best_step"],
            curve=[CurvePoint(**point) for point in place["curve"]],
            best={
                name: tensors[f"best.{name}"].to(p.device)
                for name, p in self.student.parameters.items()
            },
        )
        self._use({name: tensors[f"now.{name}"] for name in self.student.parameters})
        for name, parameter in self.student.parameters.items():
            self._optimiser.state[parameter] = {
                "step": torch.tensor(float(place["step"])),
                "exp_avg": tensors[f"mean.{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"square.{name}"].to(parameter.device),
            }

    def _training(self) -> Training:
        place = self._place
        return Training(
            model=self.name.partition(":")[0],
            parameters=sum(parameter.numel() for parameter in self._weights),
            steps=place.step,
            tokens=place.tokens,
            epochs=place.step * self.params.batch / len(self.windows),
            best_step=place.best_step,
            curve=place.curve,
        )


def learning_rate(step: int, steps: int, *, highest: float) -> float:
    """Return the rate of a step, counted from 0: it grows to `highest`, then falls to nothing."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / (steps - warm)))


def drawn(step: int, params: HealParams, windows: int) -> list[int]:
    """Return which windows a step takes: all of them in a seeded order, then in another one."""
    places = range(step * params.batch, (step + 1) * params.batch)
    orders = {
        epoch: torch.randperm(
            windows, generator=torch.Generator().manual_seed(params.seed * 1_000_003 + epoch)
        )
        for epoch in {place // windows for place in places}
    }
    return [int(orders[place // windows][place % windows]) for place in places]


def _told(data: bytes | None) -> dict[str, str]:
    """Return what stands in the header of kept weights; nothing where they are none."""
    if data is None or len(data) < 8:
        return {}
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError:
        return {}
    told: dict[str, str] = header.get("__metadata__", {})
    return told


@contextmanager
def _repeatable() -> Iterator[None]:
    """Take operations that give the same sums every time, where there are such."""
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*determinis.*")
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
