"""The kind `answers`: what the dense and the changed model write after the same prompts.

::

    prompts -> maps of the plan -> answers of the dense model
            -> answers of the changed model (the same network, changed in place)
            -> pairs, summary, the user's own checks, finding

Perplexity can hardly move while nearly every answer changes, so a plan is also judged by what it
writes (docs/science.md, section 3).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from linearity.contracts.answers import (
    AnswerPair,
    AnswersParams,
    AnswersSummary,
    CanaryResult,
    CategoryAnswers,
)
from linearity.contracts.canonical import Json
from linearity.contracts.common import SplitFacts
from linearity.contracts.inputs import Document
from linearity.contracts.runs import RunWarning
from linearity.evaluate.answer_categories import answers_by_category
from linearity.evaluate.answers import Exchange, compare, finding, judge, summarise
from linearity.models.generation import Answer, write_answers
from linearity.models.healed import HealedWeights
from linearity.models.surgery import carried_out
from linearity.ports import Progress
from linearity.studies.changed_model import build_changed
from linearity.studies.material import Material
from linearity.studies.prompts import Prompt, Taken, Template, take_prompts
from linearity.studies.quality_warnings import few_documents, fit_warnings, more_categories
from linearity.studies.record_warnings import template_withheld, unrendered_records
from linearity.studies.scripts import used_template

ENOUGH_PROMPTS = 200
FITTING_SHARE = 0.3
"""Part of a run's time before the first answer, where maps are fitted; for display only."""
MOST_PARTIALS = 16

Answers = dict[int, Answer]


@dataclass(frozen=True)
class AnswersMeasurement:
    """All of a run's answers and what they amount to, before a result is made of them."""

    splits: dict[str, SplitFacts]
    template: str
    summary: AnswersSummary
    categories: list[CategoryAnswers]
    answers: list[AnswerPair]
    canaries: list[CanaryResult]
    finding: dict[str, str]
    warnings: list[RunWarning]


def measure_answers(
    material: Material,
    params: AnswersParams,
    records: Sequence[Document],
    progress: Progress,
    healed: HealedWeights | None = None,
) -> AnswersMeasurement:
    """Let the dense and the changed model answer the same prompts.

    Parameters
    ----------
    material : Material
    params : AnswersParams
    records : sequence of Document
        The dataset that `material` was made from.
    progress : Progress
        Receives prompts done, partial results while the changed model writes, and may stop the
        run.
    healed : HealedWeights, optional
        Those that `params.healed` names.

    Raises
    ------
    InvalidParameterError, TooFewTokensError, NonFiniteStatesError, OutOfDeviceMemoryError
    """
    return _Study(material, params, records, progress, healed).run()


class _Study:
    """The steps of one run; holds what they share."""

    def __init__(
        self,
        material: Material,
        params: AnswersParams,
        records: Sequence[Document],
        progress: Progress,
        healed: HealedWeights | None,
    ) -> None:
        self.material, self.params, self.progress = material, params, progress
        self.records, self.healed = records, healed
        self.fits = params.fits
        # Prompts come from no text that maps were fitted on, or weights healed on.
        splits = ["select"] if self.fits or healed is not None else ["select", "fit"]
        self.taken = take_prompts(material, params, records, splits)
        template = Template(material.model, params)
        self.ids = [prompt.ids for prompt in self.taken.prompts]
        self.ids += template.canaries([str(canary["prompt"]) for canary in params.canaries])
        self.next_partial = 0.0

    def run(self) -> AnswersMeasurement:
        self._step(0, fitted=False)
        changes = build_changed(self.material, self.params, self.healed).changes
        dense = self._written(0, after_batch=lambda _: None)
        with carried_out(self.material.model, changes):
            changed = self._written(
                len(self.ids), after_batch=lambda answers: self._offer(dense, answers)
            )
        pairs, summary, categories = self._compared(dense, changed)
        canaries = self._judged(dense, changed)
        return AnswersMeasurement(
            splits=self._splits(),
            template=self._template(),
            summary=summary,
            categories=categories,
            answers=pairs,
            canaries=canaries,
            finding=finding(summary, canaries, plan=self.params.plan),
            warnings=[*self._warnings(), *_category_warnings(categories, pairs)],
        )

    def _written(self, before: int, *, after_batch: Callable[[Answers], None]) -> Answers:
        answers: Answers = {}
        written = write_answers(
            self.material.model,
            self.ids,
            new_tokens=self.params.new_tokens,
            check=lambda: self._step(before + len(answers)),
        )
        for batch in written:
            answers |= batch
            self._step(before + len(answers))
            after_batch(answers)
        return answers

    def _step(self, written: int, *, fitted: bool = True) -> None:
        """Report progress: a prompt is done when both models have answered it."""
        total = len(self.ids)
        start = FITTING_SHARE if self.fits else 0.0
        share = start + (1 - start) * written / (2 * total) if fitted else 0.0
        self.progress.step(written // 2, total, "prompts", share)

    def _offer(self, dense: Answers, changed: Answers) -> None:
        done, total = len(changed), len(self.ids)
        # Canaries are judged at the end; a batch may hold nothing else.
        if self.next_partial <= done < total and min(changed) < len(self.taken.prompts):
            self.next_partial = done + total / MOST_PARTIALS
            self.progress.partial(lambda: self._partial(dense, changed))

    def _partial(self, dense: Answers, changed: Answers) -> dict[str, Json]:
        pairs, summary, categories = self._compared(dense, changed)
        return {
            "splits": {name: asdict(facts) for name, facts in self._splits().items()},
            "template": self._template(),
            "summary": asdict(summary),
            "categories": [asdict(item) for item in categories],
            "answers": [asdict(pair) for pair in pairs],
            "canaries": [],
            "finding": None,
            "warnings": [asdict(warning) for warning in self._warnings()],
            "partial": {"done": len(pairs), "total": len(self.taken.prompts)},
        }

    def _compared(
        self, dense: Answers, changed: Answers
    ) -> tuple[list[AnswerPair], AnswersSummary, list[CategoryAnswers]]:
        exchanges = [
            _exchange(prompt, dense[k], changed[k])
            for k, prompt in enumerate(self.taken.prompts)
            if k in changed
        ]
        # Judged as written, shown as read: the bytes of half a character would count as numbers.
        pairs = [compare(exchange, self.material.model.detokenize) for exchange in exchanges]
        shown = [compare(exchange, self.material.model.show) for exchange in exchanges]
        return shown, summarise(exchanges, pairs), answers_by_category(exchanges, pairs)

    def _judged(self, dense: Answers, changed: Answers) -> list[CanaryResult]:
        first = len(self.taken.prompts)
        return [
            self._judge(canary, {"dense": dense[k], "changed": changed[k]})
            for k, canary in enumerate(self.params.canaries, start=first)
        ]

    def _judge(self, canary: Mapping[str, Json], answers: Mapping[str, Answer]) -> CanaryResult:
        model = self.material.model
        texts = {side: model.detokenize(answer.tokens) for side, answer in answers.items()}
        dense, changed = (model.show(answers[side].tokens) for side in ("dense", "changed"))
        return replace(judge(canary, texts), dense=dense, changed=changed)

    def _splits(self) -> dict[str, SplitFacts]:
        """Of a split that prompts come from, what they took; else what maps were fitted on."""
        facts = {
            name: SplitFacts(len(self.material.documents_of(name)), 0, 0)
            for name in ("fit", "select", "report")
        }
        if self.fits:
            facts["fit"] = self.material.split_facts(fits=True, measured="preview")["fit"]
        for name in {prompt.split for prompt in self.taken.prompts}:
            prompts = [prompt for prompt in self.taken.prompts if prompt.split == name]
            facts[name] = replace(
                facts[name],
                used_documents=len({prompt.document for prompt in prompts}),
                tokens=sum(len(prompt.ids) for prompt in prompts),
            )
        return facts

    def _template(self) -> str:
        return used_template([prompt.rendered for prompt in self.taken.prompts])

    def _warnings(self) -> list[RunWarning]:
        read = _template_warnings(self.taken, self.records, withheld=self.material.model.withheld)
        return [*_prompt_warnings(self.taken, self.params), *read, *self._fit_warnings()]

    def _fit_warnings(self) -> list[RunWarning]:
        if not self.fits:
            return []
        fit = self.material.split_facts(measured="preview", fits=True)["fit"]
        return fit_warnings(self.params.sampling, fit, width=self.material.model.width)


def _exchange(prompt: Prompt, dense: Answer, changed: Answer) -> Exchange:
    return Exchange(
        document=prompt.document,
        prompt=prompt.text,
        dense=dense,
        changed=changed,
        reference=prompt.reference,
        category=prompt.category,
    )


def _category_warnings(
    categories: Sequence[CategoryAnswers], pairs: Sequence[AnswerPair]
) -> list[RunWarning]:
    few = [item.category for item in categories if item.agreement_ci95 is None]
    total = len({pair.category for pair in pairs} - {None})
    return [*few_documents(few), *more_categories(len(categories), total)]


def _template_warnings(
    taken: Taken, records: Sequence[Document], *, withheld: bool
) -> list[RunWarning]:
    warnings = []
    if withheld and any(records[prompt.document].prompt is not None for prompt in taken.prompts):
        warnings.append(template_withheld())
    if taken.refused:
        warnings.append(unrendered_records(taken.refused))
    return warnings


def _prompt_warnings(taken: Taken, params: AnswersParams) -> list[RunWarning]:
    given, asked = len(taken.prompts), params.prompts
    documents = len({prompt.document for prompt in taken.prompts})
    warnings = []
    if given < asked:
        warnings.append(
            RunWarning(
                "fewer_prompts",
                f"The dataset gave {given:,} of the {asked:,} prompts asked for, from "
                f"{documents:,} documents: split B is kept for reports, and split F for fitting "
                "where a plan has maps.",
                {"prompts": given, "asked": asked, "documents": documents},
            )
        )
    if given < ENOUGH_PROMPTS:
        warnings.append(
            RunWarning(
                "few_prompts",
                f"Only {given:,} prompts: a single answer moves every share by "
                f"{100 / given:.1f} points. Ask at least {ENOUGH_PROMPTS}.",
                {"prompts": given, "needed": ENOUGH_PROMPTS},
            )
        )
    if taken.too_long:
        warnings.append(
            RunWarning(
                "long_prompts",
                f"{taken.too_long:,} prompts were passed over: with an answer of "
                f"{params.new_tokens:,} tokens they are longer than the model's input.",
                {"prompts": taken.too_long},
            )
        )
    return warnings
