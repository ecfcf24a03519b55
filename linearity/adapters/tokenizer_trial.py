"""Try a tokenizer on short texts, in a forked process that may hang, panic or be aborted."""

import json
import os
import signal
from collections.abc import Iterable, Sequence

from linearity.adapters.findings import Findings
from linearity.adapters.tokenizer_file import LARGEST_GROWTH
from linearity.contracts.model_files import TOKENIZER

READ_SECONDS = 60.0
TEXT_SECONDS = 2.0
MOST_LETTERS = 64
SPARE_TOKENS = 64
"""What templates may add to a text of no length."""

TEXTS = (
    'The quick brown fox, 1234 jumps over "the" lazy dog\'s back.\n\n\tdef f(x): return x**2',
    "日本語の文章です。東京都は2026年、人口1,400万人。ｶﾀｶﾅ　ひらがな",
    "a" * 64 + "!",
    " " * 64 + "x",
    "0" * 64 + "x",
    "\n" * 64 + "é" * 32 + "🙂👩‍👩‍👧" * 4 + "\u202e",
)


def try_tokenizer(
    data: bytes, expressions: Sequence[str], vocabulary: int, findings: Findings
) -> None:
    """Encode and decode short texts with a checked ``tokenizer.json``.

    Must be called while this process has one thread. `expressions` are what the tokenizer looks
    for: runs of their characters are tried as well. `vocabulary` is what ids are compared with.
    """
    texts = [*TEXTS, *_runs(expressions)]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _try_and_exit(data, texts, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = [json.loads(line) for line in pipe.read().splitlines()]
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _judge(said, code, texts, vocabulary, findings)


def _runs(expressions: Iterable[str]) -> list[str]:
    """Return a run of every letter that occurs in `expressions`, with an end that breaks it."""
    letters = sorted({letter for text in expressions for letter in text if letter.isalnum()})
    return [letter * 48 + "!" for letter in letters[:MOST_LETTERS]]


def _try_and_exit(data: bytes, texts: Sequence[str], pipe: int) -> None:
    """Write one line for the file and one for each text, and end the process."""

    def say(value: object) -> None:
        os.write(pipe, json.dumps(value).encode() + b"\n")

    try:
        from tokenizers import Tokenizer

        # The default action of the alarm ends the process even inside native code.
        signal.setitimer(signal.ITIMER_REAL, READ_SECONDS)
        tokenizer = Tokenizer.from_str(data.decode())
        say("read")
        for text in texts:
            signal.setitimer(signal.ITIMER_REAL, TEXT_SECONDS)
            ids = tokenizer.encode(text).ids
            decoded = tokenizer.decode(ids)
            say([len(ids), max(ids, default=0), len(decoded)])
    except BaseException as error:  # noqa: BLE001  # the library's panic is not an Exception
        say({"error": type(error).__name__, "message": str(error)[:160]})
    os._exit(0)


def _judge(
    said: list[object], code: int, texts: Sequence[str], vocabulary: int, findings: Findings
) -> None:
    last = said[-1] if said else None
    done = [answer for answer in said if isinstance(answer, list)]
    if isinstance(last, dict):
        doing = f"cannot encode {_shown(texts[len(done)])}" if "read" in said else "cannot be read"
        _refuse(findings, f"{doing}: {last['error']}: {last['message']}")
    elif code == -signal.SIGALRM:
        text = _shown(texts[len(done)]) if "read" in said else "the file"
        seconds = TEXT_SECONDS if "read" in said else READ_SECONDS
        findings.refuse(
            "slow_tokenizer",
            f"{TOKENIZER} needs more than {seconds:g} s for {text}",
            file=TOKENIZER,
            bounds=(seconds, None),
        )
    elif code != 0:
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        _refuse(findings, f"makes its library crash ({name})")
    for text, (tokens, highest, characters) in zip(texts, done, strict=False):
        longest = LARGEST_GROWTH * len(text.encode()) + SPARE_TOKENS
        if max(tokens, characters) > longest:
            _refuse(findings, f"makes {max(tokens, characters):,} of {len(text)} characters")
            return
        if highest >= vocabulary:
            findings.refuse(
                "tokenizer_mismatch",
                f"{TOKENIZER} gives the id {highest:,} for {_shown(text)}, the model knows "
                f"{vocabulary:,} ids",
                file=TOKENIZER,
                bounds=(vocabulary - 1, highest),
            )
            return


def _shown(text: str) -> str:
    return f"a text of {len(text)} characters ({text[:12]!r})"


def _refuse(findings: Findings, what: str) -> None:
    findings.refuse("bad_tokenizer", f"{TOKENIZER} {what}", file=TOKENIZER)
