"""A finished `passage` result: Japanese and English, parts of a character, a sink."""

import random
from typing import Any

from linearity.contracts.passage import PassageReference, PassageResult, PassageToken
from tests.builders import a_result

WORDS: list[tuple[str, str, str, int]] = [
    ("The", "first", "", 0),
    (" model", "word_start", "", 0),
    ("\n", "whitespace", "", 0),
    ("⟨E7 B7⟩", "byte", "線", 1),
    ("⟨9A⟩", "byte", "線", 2),
    ("形", "kanji", "", 0),
    ("<b>%{x}</b>", "punctuation", "", 0),
    (".", "sink", "", 0),
]


def a_passage(*, blocks: int = 4, seed: int = 0, **changes: Any) -> PassageResult:
    noise = random.Random(seed)
    around = a_result(blocks=blocks)
    tokens = [PassageToken(*word) for word in WORDS]
    return PassageResult(
        id="fedcba9876543210" * 2,
        created=around.created,
        model=around.model,
        dataset=around.dataset,
        params={"text": "The model\n線形<b>%{x}</b>.", "tokens": 4096, "context": 256, "seed": 0},
        environment=around.environment,
        states=around.states,
        passage=tokens,
        error=[
            [900.0 if token.token_class == "first" else noise.uniform(0.02, 0.4)] * blocks
            for token in tokens
        ],
        reference=PassageReference(
            tokens=1_000,
            fit_tokens=3_000,
            mean=[0.1] * blocks,
            p50=[0.08] * blocks,
            p95=[0.2] * blocks,
            p99=[0.35] * blocks,
        ),
        finding={"en": "Block 2 is the least linear.", "ja": "ブロック 2 が最も線形でありません。"},
        warnings=[],
        **changes,
    )
