"""Two models' answers side by side: where they part, how they end, what they get right.

Science: docs/science.md, section 3, "Free answers". Nothing here runs a model.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean, median

from linearity.contracts.answers import AnswerPair, AnswersSummary, CanaryResult, SideSummary
from linearity.contracts.canonical import Json, strict_loads
from linearity.errors import MalformedJSONError
from linearity.models.generation import Answer

GRAM = 4
LONGEST_PLAN_SHOWN = 80
_NUMBER = re.compile(
    r"(?:(?<![\w.)])[-+])?"  # in 3-4 and GPT-4 it is no sign
    r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
)
Texts = Mapping[str, str]
"""What each side wrote: ``dense`` and ``changed``."""


@dataclass(frozen=True)
class Exchange:
    """One prompt with both answers, and what is known about it.

    Parameters
    ----------
    document : int
        Index into the dataset.
    prompt : str
    dense, changed : Answer
    reference, category : str or None
    """

    document: int
    prompt: str
    dense: Answer
    changed: Answer
    reference: str | None = None
    category: str | None = None


def compare(exchange: Exchange, detokenize: Callable[[Sequence[int]], str]) -> AnswerPair:
    """Return an exchange as texts, with the place where the answers part."""
    dense, changed = exchange.dense.tokens, exchange.changed.tokens
    split = first_difference(dense, changed)
    return AnswerPair(
        document=exchange.document,
        prompt=exchange.prompt,
        dense=detokenize(dense),
        changed=detokenize(changed),
        first_difference=split,
        dense_before=_characters_before(dense, split, detokenize),
        changed_before=_characters_before(changed, split, detokenize),
        agreement=agreement(dense, changed),
        dense_tokens=len(dense),
        changed_tokens=len(changed),
        dense_stopped=exchange.dense.stopped,
        changed_stopped=exchange.changed.stopped,
        reference=exchange.reference,
        category=exchange.category,
    )


def first_difference(dense: Sequence[int], changed: Sequence[int]) -> int | None:
    """Return how many tokens both answers begin with; None where they are equal.

    An answer that ends where the other goes on differs from it at the token that is missing.
    """
    shorter = min(len(dense), len(changed))
    for position in range(shorter):
        if dense[position] != changed[position]:
            return position
    return None if len(dense) == len(changed) else shorter


def agreement(dense: Sequence[int], changed: Sequence[int]) -> float:
    """Return the equal tokens before the first difference as a share of the longer answer.

    Returns
    -------
    float
        In [0, 1]; 1 for two empty answers.
    """
    split = first_difference(dense, changed)
    return 1.0 if split is None else split / max(len(dense), len(changed))


def repetition(tokens: Sequence[int]) -> float:
    """Return the share of 4-grams of an answer that occurred in it before, in [0, 1).

    0 for answers of fewer than 4 tokens.
    """
    grams = [tuple(tokens[k : k + GRAM]) for k in range(len(tokens) - GRAM + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def summarise(exchanges: Sequence[Exchange], pairs: Sequence[AnswerPair]) -> AnswersSummary:
    """Return both models over all prompts.

    Parameters
    ----------
    exchanges : sequence of Exchange
        At least one.
    pairs : sequence of AnswerPair
        The same, compared.
    """
    splits = [pair.first_difference for pair in pairs if pair.first_difference is not None]
    dense = sum(pair.dense_tokens for pair in pairs)
    changed = sum(pair.changed_tokens for pair in pairs)
    references = [pair.reference for pair in pairs]
    return AnswersSummary(
        prompts=len(pairs),
        references=sum(reference is not None for reference in references),
        identical=len(pairs) - len(splits),
        first_difference_median=float(median(splits)) if splits else None,
        agreement=fmean(pair.agreement for pair in pairs),
        length_ratio=changed / dense if dense else None,
        dense=_side([e.dense for e in exchanges], [p.dense for p in pairs], references),
        changed=_side([e.changed for e in exchanges], [p.changed for p in pairs], references),
    )


def is_exact(answer: str, reference: str) -> bool:
    """Return whether the answer is the reference, apart from white space."""
    return answer.split() == reference.split()


def contains(answer: str, reference: str) -> bool:
    """Return whether the answer holds the reference, apart from case and white space."""
    return _folded(reference) in _folded(answer)


def has_number(answer: str, reference: str) -> bool | None:
    """Return whether the answer's last number is the reference's only one; None without one."""
    wanted = numbers_in(reference)
    return numbers_in(answer)[-1:] == wanted if len(wanted) == 1 else None


def is_json(answer: str, reference: str) -> bool | None:
    """Return whether the answer is JSON; None unless the reference is a JSON object or list.

    A single word or number is JSON only by accident, so it asks for nothing.
    """
    return _is_json(answer) if _is_json(reference) else None


def numbers_in(text: str) -> list[Decimal]:
    """Return the numbers of a text in order; 1,234.5 and １２３ are one each, GPT-4 holds 4."""
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    return [Decimal(found.replace(",", "")) for found in _NUMBER.findall(plain)]


def judge(canary: Mapping[str, Json], texts: Texts) -> CanaryResult:
    """Return what each side should have said and did not, and the other way round.

    Parameters
    ----------
    canary : {prompt, must_say, must_not_say}
        As `parse_params` of the kind `answers` writes it.
    texts : {"dense": str, "changed": str}
        Compared without regard to case and width of characters (NFKC).
    """
    must, must_not = _strings(canary["must_say"]), _strings(canary["must_not_say"])
    folded = {side: _folded(text) for side, text in texts.items()}
    missing = {
        side: [said for said in must if _folded(said) not in text] for side, text in folded.items()
    }
    forbidden = {
        side: [said for said in must_not if _folded(said) in text] for side, text in folded.items()
    }
    return CanaryResult(
        prompt=str(canary["prompt"]),
        dense=texts["dense"],
        changed=texts["changed"],
        missing=missing,
        forbidden=forbidden,
        passed={side: not missing[side] and not forbidden[side] for side in texts},
    )


def finding(
    summary: AnswersSummary, canaries: Sequence[CanaryResult], *, plan: str
) -> dict[str, str]:
    """Say how many answers changed and how soon.

    Returns
    -------
    {"en": str, "ja": str}

    Notes
    -----
    The rule: first the answers that differ from the dense model's by at least one token, out of
    all; then the median, over those, of the tokens before the first difference; then the user's
    own checks, if there are any; and always that no plan is called harmless. Nothing is said
    about length: a shorter answer is not a saving. Blocks of the plan count from 0.
    """
    differing = summary.prompts - summary.identical
    english = [_differing_english(summary, differing, plan)]
    japanese = [_differing_japanese(summary, differing, plan)]
    if canaries:
        total = len(canaries)
        dense, changed = (sum(c.passed[side] for c in canaries) for side in ("dense", "changed"))
        english.append(
            f"Of your own {_count(total, 'check')}, the dense model passes {dense}, "
            f"the changed model {changed}."
        )
        japanese.append(
            f"ご自身で登録した確認項目{total:,}件のうち、元のモデルは{dense:,}件、"
            f"変更後のモデルは{changed:,}件に合格しました。"
        )
    english.append("No plan is called harmless: read the answers side by side.")
    japanese.append("どのプランも無害とはみなしません。両方の回答を見比べてください。")
    return {"en": " ".join(english), "ja": "".join(japanese)}


def _characters_before(
    tokens: Sequence[int], split: int | None, detokenize: Callable[[Sequence[int]], str]
) -> int:
    """Count equal characters: half a character at the end of the equal tokens is not equal."""
    whole = detokenize(tokens)
    if split is None:
        return len(whole)
    before = detokenize(tokens[:split])
    return next(
        (k for k, (one, other) in enumerate(zip(before, whole, strict=False)) if one != other),
        min(len(before), len(whole)),
    )


def _side(
    answers: Sequence[Answer], texts: Sequence[str], references: Sequence[str | None]
) -> SideSummary:
    known = [
        (text, reference)
        for text, reference in zip(texts, references, strict=True)
        if reference is not None
    ]
    return SideSummary(
        mean_tokens=fmean(len(answer.tokens) for answer in answers),
        at_limit=fmean(not answer.stopped for answer in answers),
        repetition=fmean(repetition(answer.tokens) for answer in answers),
        exact=_share([is_exact(*pair) for pair in known]),
        contains=_share([contains(*pair) for pair in known]),
        number=_share([has_number(*pair) for pair in known]),
        valid_json=_share([is_json(*pair) for pair in known]),
    )


def _share(verdicts: Sequence[bool | None]) -> float | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return fmean(known) if known else None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _is_json(text: str) -> bool:
    try:
        return isinstance(strict_loads(text.encode("utf-8", "surrogatepass")), dict | list)
    except MalformedJSONError:
        return False


def _strings(value: Json) -> list[str]:
    assert isinstance(value, Sequence)
    return [str(text) for text in value]


def _differing_english(summary: AnswersSummary, differing: int, plan: str) -> str:
    how_many = f"{differing:,}" if differing else "none"
    text = (
        f"With the plan {_shown(plan)} (blocks count from 0), {how_many} of {summary.prompts:,} "
        f"greedy answers {'differ' if differing > 1 else 'differs'} from the dense model's"
    )
    soon = summary.first_difference_median
    if soon is None:
        return f"{text}."
    return f"{text}, the first difference coming after {_count(soon, 'equal token')} (median)."


def _differing_japanese(summary: AnswersSummary, differing: int, plan: str) -> str:
    every = (
        f"プラン「{_shown(plan)}」(ブロック番号は0から)を適用し、貪欲法で生成した回答"
        f"{summary.prompts:,}件"
    )
    soon = summary.first_difference_median
    if soon is None:
        return f"{every}は、すべて元のモデルの回答と一致しました。"
    return (
        f"{every}のうち、{differing:,}件が元のモデルの回答と異なりました。"
        f"最初の違いが現れるまでに一致したのは、中央値で{_number(soon)}トークンです。"
    )


def _shown(plan: str) -> str:
    return plan if len(plan) <= LONGEST_PLAN_SHOWN else f"{plan[:LONGEST_PLAN_SHOWN]}…"


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _count(number: float, what: str) -> str:
    return f"{_number(number)} {what}" + ("" if number == 1 else "s")
