"""What the kinds that change a model will need: memory, disk, arithmetic.

Plain arithmetic on a model's size and a run's parameters, so the web process can do it. A forward
is counted in two parts, because what-ifs reuse states: the *blocks* (all but the head) and the
*head* (width x vocabulary products a token).
"""

from collections.abc import Callable
from dataclasses import dataclass

from linearity.contracts.ablation import AblationParams
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.answers import AnswersParams
from linearity.contracts.benchmark import BenchmarkParams
from linearity.contracts.changed import ChangedParams
from linearity.contracts.common import PROBABILITY_BYTES, Sampling
from linearity.contracts.export import ExportParams
from linearity.contracts.heal import HealParams
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.plan import PREVIEW_TOKENS, PlanParams
from linearity.contracts.runs import RunRequest
from linearity.contracts.speed import (
    COST_PASSES,
    USUAL_NEW_TOKENS,
    USUAL_PROMPT_TOKENS,
    SpeedParams,
)

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}

CHAINS = 4
"""Chains of split A's states that are held at once, at most: dense, start, best, candidate."""
FIT_CHAINS = 3
"""The same of split F for sequential maps: dense, last, present one."""
MAPS_A_BLOCK = 3
"""Fitted maps that are kept, in float64."""
ANSWER_TOKENS = 8192
"""Tokens of answers that are written side by side, at most."""
BLOCKS_LEFT = 0.7
"""Share of the blocks that a point of a curve computes; the rest is a prefix known before."""
BLOCKS_AFTER_ONE = 0.5
"""The same for one changed block, over all blocks."""
TRAINED_COPIES = 5
"""Of what is trained, in float32: weights, gradients, two moments, the best so far."""
BACKWARD_STATES = 20
"""What a block keeps of a token for the way back, in states."""
BACKWARD_FORWARDS = 4
"""A step in forwards: the teacher's one, the student's three."""
HEAL_WATCHED = 21
ROW_BYTES = 300
STEP_TOKENS = 8
"""A step of decoding reads all weights, so it takes as long as so many tokens of a prompt."""
TASK_QUESTIONS = 2_000
CHOICES = 4
QUESTION_TOKENS = 60
"""What a task is taken to be while its questions are not known."""
LOGITS_BYTES = 1 << 30
"""Of one batch of choices."""


@dataclass(frozen=True)
class Needs:
    """What a run needs.

    Parameters
    ----------
    memory_bytes : int
        Peak.
    disk_bytes : int
        What the result will occupy.
    flops : float
        Floating-point operations.
    """

    memory_bytes: int
    disk_bytes: int
    flops: float


def needs(request: RunRequest, model: ModelRecord) -> Needs:
    """Return what a run of a kind that changes a model needs."""
    return _NEEDS[request.kind](request, model)


def _ablation(request: RunRequest, model: ModelRecord) -> Needs:
    params = AblationParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    size = _Sizes(model, params.sampling)
    fits = params.fits or params.ranks_by_scores
    tokens, blocks, actions = params.select_tokens, model.blocks, len(params.actions)
    points = sum(curves(params, strategy) for strategy in params.strategies) * params.changed
    # Greedy search tries every remaining block at every step, once an action.
    tried = params.changed * blocks - params.changed * (params.changed - 1) // 2
    greedy = tried * actions if "greedy_loss" in params.strategies else 0
    pairs = params.interaction * (params.interaction - 1) // 2
    changed_once = size.forward(tokens, BLOCKS_AFTER_ONE)
    return Needs(
        memory_bytes=size.weights
        + (size.fitted(sequential="sequential" in params.fitting) if fits else 0)
        + CHAINS * size.states(tokens)
        + size.probabilities(tokens)
        + size.moments,
        disk_bytes=ROW_BYTES * (points + blocks * (actions + len(params.strategies)) + 2 * pairs),
        flops=(size.fit_flops if fits else 0.0)
        + size.forward(tokens)
        + points * size.forward(tokens, BLOCKS_LEFT)
        + (blocks * actions + greedy + pairs) * changed_once,
    )


def curves(params: AblationParams, strategy: str) -> int:
    """Return how many curves a strategy has: dropping needs no fit, random orders are many."""
    variants = sum(1 if action == "drop" else len(params.fitting) for action in params.actions)
    return variants * (params.random_seeds if strategy == "random" else 1)


def _plan(request: RunRequest, model: ModelRecord) -> Needs:
    params = PlanParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    size = _Sizes(model, params.sampling)
    tokens = params.report_tokens if params.split == "report" else params.select_tokens
    if params.fidelity == "preview":
        tokens = min(tokens, PREVIEW_TOKENS)
    fit = _PlanFit(parse_plan(params.plan, blocks=model.blocks), params.fitting)
    return Needs(
        memory_bytes=size.weights
        + fit.memory(size)
        + 2 * size.states(tokens)
        + size.probabilities(tokens)
        + size.moments,
        disk_bytes=ROW_BYTES * 200 + 2 * ROW_BYTES * (tokens // params.context + 1),
        flops=fit.flops(size) + 2 * size.forward(tokens),
    )


def _answers(request: RunRequest, model: ModelRecord) -> Needs:
    params = AnswersParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    size = _Sizes(model, params.sampling)
    fit = _PlanFit.of(params, model)
    prompts = params.prompts + len(params.canaries)
    tokens = prompts * (params.prompt_tokens + params.new_tokens)
    # Keys and values of every token that is being continued, in every block, for one model.
    cache = 2 * min(tokens, ANSWER_TOKENS) * model.blocks * model.width * size.number
    return Needs(
        memory_bytes=size.weights + fit.memory(size) + cache + size.moments,
        disk_bytes=ROW_BYTES * prompts + 16 * tokens,
        flops=fit.flops(size) + 2 * 2.0 * model.parameters * tokens,
    )


def _export(request: RunRequest, model: ModelRecord) -> Needs:
    params = ExportParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    size = _Sizes(model, params.sampling)
    fit, tokens = _PlanFit.of(params, model), params.select_tokens
    left = model.blocks - parse_plan(params.plan, blocks=model.blocks).changed
    return Needs(
        memory_bytes=size.weights
        + fit.memory(size)
        + 2 * size.states(tokens)
        + size.probabilities(tokens)
        + size.moments,
        # Once as the folder, and once more while it is tried whether it saves again.
        disk_bytes=2 * size.weights,
        # Measured in memory, asked there as a whole, and asked again by the process that proves it.
        flops=fit.flops(size) + (2 + 2 * left / model.blocks) * size.forward(tokens),
    )


def _heal(request: RunRequest, model: ModelRecord) -> Needs:
    params = HealParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    size = _Sizes(model, params.sampling)
    fit = _PlanFit.of(params, model)
    measured = params.report_tokens if params.split == "report" else params.select_tokens
    batch = params.batch * params.context
    trainings = 1 + len(params.sweep) + (params.objective == "text")
    trained = _trained_numbers(params, model)
    # Weights that run beside the dense ones, activations and gradients, logits of a chunk.
    running = size.weights if params.train != "maps" else 0
    activations = BACKWARD_STATES * size.states(batch) + 4 * 4 * min(batch, 1024) * model.vocabulary
    a_training = params.steps * BACKWARD_FORWARDS * size.forward(batch)
    watching = HEAL_WATCHED * size.forward(params.select_tokens)
    return Needs(
        memory_bytes=size.weights
        + running
        + TRAINED_COPIES * 4 * trained
        + fit.memory(size)
        + 2 * (size.states(params.select_tokens) + size.states(measured))
        + size.probabilities(params.select_tokens)
        + size.probabilities(measured)
        + activations,
        # The weights, and while it lasts a checkpoint.
        disk_bytes=(TRAINED_COPIES + 1) * 4 * trained + ROW_BYTES * 400,
        flops=fit.flops(size) + trainings * (a_training + watching + 3 * size.forward(measured)),
    )


def _trained_numbers(params: HealParams, model: ModelRecord) -> int:
    """Return about how many numbers a training changes."""
    plan = parse_plan(params.plan, blocks=model.blocks)
    maps = sum(step.action != "drop" for step in plan.steps) * (model.width + 1) * model.width
    a_block = max(model.parameters - model.vocabulary * model.width, 0) // model.blocks
    left = model.blocks - plan.changed
    if params.train == "all":
        return maps + left * a_block
    # An adapter of a layer of d x 4d numbers has 5 d r; a block has about 12 d^2 numbers.
    adapters = left * params.rank * 3 * a_block // (2 * model.width)
    return maps + (adapters if params.train == "adapters" else 0)


def _speed(request: RunRequest, model: ModelRecord) -> Needs:
    params = SpeedParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    size, fit = _Sizes(model, params.sampling), _PlanFit.of(params, model)
    # How long records are is known once the dataset is read.
    prompt = _or_usual(params.prompt_tokens, USUAL_PROMPT_TOKENS)
    new = _or_usual(params.new_tokens, USUAL_NEW_TOKENS)
    turns = 2 * (params.warmup + params.pairs)
    answers = [batch * prompt + new * max(batch, STEP_TOKENS) for batch in params.batches]
    alone = prompt + new * STEP_TOKENS
    tokens = turns * sum(answers) + COST_PASSES * params.pairs * alone
    largest = max(params.batches) * (prompt + new)
    values = max(params.batches) * ROW_BYTES * params.pairs
    return Needs(
        memory_bytes=size.weights + fit.memory(size) + 2 * size.states(largest) + size.moments,
        disk_bytes=ROW_BYTES * 6 * model.blocks + values,
        flops=fit.flops(size) + size.forward(tokens),
    )


def _or_usual(asked: int | str, usual: int) -> int:
    return asked if isinstance(asked, int) else usual


def _benchmark(request: RunRequest, model: ModelRecord) -> Needs:
    params = BenchmarkParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    size = _Sizes(model, params.sampling)
    fit = _PlanFit.of(params, model)
    asked = min(params.limit or TASK_QUESTIONS, TASK_QUESTIONS)
    questions = asked * (len(params.tasks) + bool(params.questions))
    tokens = questions * CHOICES * QUESTION_TOKENS * (1 + params.few_shot)
    return Needs(
        memory_bytes=size.weights + fit.memory(size) + LOGITS_BYTES + size.moments,
        disk_bytes=4 * ROW_BYTES * questions,
        flops=fit.flops(size) + 2 * size.forward(tokens),
    )


@dataclass(frozen=True)
class _PlanFit:
    """What fitting the maps of one plan takes; nothing when it only drops blocks."""

    plan: Plan
    fitting: str

    @classmethod
    def of(cls, params: ChangedParams, model: ModelRecord) -> "_PlanFit":
        """Return what the changed model of a kind takes; healed weights bring their maps along."""
        plan = parse_plan(params.plan, blocks=model.blocks)
        drops = Plan(tuple(step for step in plan.steps if step.action == "drop"))
        return cls(plan if params.fits else drops, params.fitting)

    @property
    def actions(self) -> set[str]:
        return {step.action for step in self.plan.steps}

    def memory(self, size: "_Sizes") -> int:
        sequential = self.fitting == "sequential"
        return 0 if self.actions <= {"drop"} else size.fitted(sequential=sequential)

    def flops(self, size: "_Sizes") -> float:
        return 0.0 if self.actions <= {"drop"} else size.fit_flops


@dataclass(frozen=True)
class _Sizes:
    """Bytes and operations of a model at the sampling of a run."""

    model: ModelRecord
    sampling: Sampling

    @property
    def number(self) -> int:
        """Bytes of one number of a state."""
        return BYTES[self.sampling.dtype]

    @property
    def weights(self) -> int:
        return self.model.parameters * self.number

    @property
    def moments(self) -> int:
        return 6 * self.model.width**2 * 8

    def states(self, tokens: int) -> int:
        return tokens * (self.model.blocks + 1) * self.model.width * self.number

    def fitted(self, *, sequential: bool) -> int:
        """Return the bytes of split F's states and of the maps."""
        chains = FIT_CHAINS if sequential else 1
        maps = MAPS_A_BLOCK * self.model.blocks * self.model.width**2 * 8
        return self.states(self.sampling.fit_tokens) * chains + maps

    def probabilities(self, tokens: int) -> int:
        return min(tokens * self.model.vocabulary * 4, PROBABILITY_BYTES)

    def forward(self, tokens: int, blocks: float = 1.0) -> float:
        """Return the operations of a forward that computes a share of the blocks, and the head."""
        return blocks * self._blocks(tokens) + self._head(tokens)

    @property
    def fit_flops(self) -> float:
        tokens = self.sampling.fit_tokens
        moments = 8.0 * self.model.blocks * self.model.width**2 * tokens
        return self._blocks(tokens) + moments

    def _blocks(self, tokens: int) -> float:
        head = self.model.vocabulary * self.model.width
        return 2.0 * max(self.model.parameters - head, 0) * tokens

    def _head(self, tokens: int) -> float:
        return 2.0 * self.model.vocabulary * self.model.width * tokens


_NEEDS: dict[str, Callable[[RunRequest, ModelRecord], Needs]] = {
    "ablation": _ablation,
    "plan": _plan,
    "answers": _answers,
    "export": _export,
    "heal": _heal,
    "speed": _speed,
    "benchmark": _benchmark,
}
