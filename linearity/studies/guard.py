"""Where a plan does most harm: documents, tokens, categories, and prompts to watch."""

from collections.abc import Sequence

from torch import Tensor

from linearity.contracts.byte_texts import without_bytes
from linearity.contracts.common import Quality
from linearity.contracts.plan import DocumentQuality, Guard, WorstToken
from linearity.evaluate.categories import worse_than_all
from linearity.evaluate.quality import TokenQuality, by_document
from linearity.measure.windows import Window
from linearity.studies.bench import Bench
from linearity.studies.material import Material

WORST_DOCUMENTS = 5
WORST_TOKENS = 20
CANARIES = 10
TOKENS_BEFORE = 24
TITLE_CHARACTERS = 60


def document_qualities(
    material: Material, bench: Bench, tokens: TokenQuality
) -> list[DocumentQuality]:
    """Return the plan on every measured document, in the order of the dataset."""
    reference = bench.reference
    means = by_document([reference.nll, tokens.nll, tokens.kl, tokens.top1], reference.documents)
    return [
        DocumentQuality(
            document=document,
            title=_title(material.parts[document]),
            category=material.categories[document],
            tokens=round(count),
            nll_dense=dense,
            nll=changed,
            nll_diff=changed - dense,
            kl=kl,
            top1=top1,
        )
        for document, (dense, changed, kl, top1, count) in means.items()
    ]


def guard_of(
    material: Material,
    bench: Bench,
    tokens: TokenQuality,
    documents: Sequence[DocumentQuality],
    quality: Quality,
) -> Guard:
    """Return where the plan does most harm on the measured split."""
    worst = _worst_tokens(material, bench, tokens)
    by_kl = sorted(documents, key=lambda item: -item.kl)
    return Guard(
        worst_documents=[item.document for item in by_kl[:WORST_DOCUMENTS]],
        worst_tokens=worst,
        worst_categories=[
            item.category for item in worse_than_all(quality.categories, quality.nll_diff)
        ],
        canaries=_canaries(worst),
    )


def _worst_tokens(material: Material, bench: Bench, tokens: TokenQuality) -> list[WorstToken]:
    count = min(WORST_TOKENS, len(tokens.kl))
    numbers, positions = bench.places()
    windows = bench.ordered_windows()
    return [
        _worst_token(material, bench, tokens, int(row), windows[int(numbers[row])], positions)
        for row in tokens.kl.topk(count).indices
    ]


def _worst_token(  # one row of several tables
    material: Material,
    bench: Bench,
    tokens: TokenQuality,
    row: int,
    window: Window,
    positions: Tensor,
) -> WorstToken:
    model, reference = material.model, bench.reference
    position = int(positions[row])
    prefix = 0 if model.bos is None else 1
    return WorstToken(
        document=window.document,
        position=window.start + position - prefix,
        before=model.show(window.ids[max(prefix, position - TOKENS_BEFORE) : position]),
        token=model.token_text(window.ids[position]),
        dense=model.token_text(int(reference.top[row, 0])),
        changed=model.token_text(int(tokens.likeliest[row])),
        kl=float(tokens.kl[row]),
        nll_diff=float(tokens.nll[row] - reference.nll[row]),
    )


def _canaries(worst: Sequence[WorstToken]) -> list[str]:
    """Return the text before the worst tokens, one a document first, no text twice."""
    first_of_each: dict[int, str] = {}
    for item in worst:
        first_of_each.setdefault(item.document, item.before)
    texts = map(without_bytes, [*first_of_each.values(), *(item.before for item in worst)])
    return [text for text in dict.fromkeys(texts) if text.strip()][:CANARIES]


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"
