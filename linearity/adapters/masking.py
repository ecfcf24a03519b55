"""Taking e-mail addresses, phone numbers, card numbers and keys out of a text.

What is found is replaced by a word in brackets, ``[email]``, so that a text stays a text. This
is a search for patterns, not a promise: names, addresses, account numbers and whatever is
written unusually stay. Phone numbers are those that `phonenumbers` calls valid in the given
regions; card numbers are those whose check digit is right (python-stdnum); keys are found by the
patterns of detect-secrets, and by a name such as ``api_key`` before a value that looks random.
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from linearity.adapters.packages import need_package
from linearity.errors import InvalidParameterError

MASKS = ("email", "phone", "card", "key")
PHONE_REGIONS = ("JP",)
"""Where a number without ``+`` is from; numbers with ``+`` are found in every region."""

_ORDER = ("key", "email", "card", "phone")
"""A key may look like anything; the digits of a card beside a number would hide it."""

_Span = tuple[int, int]

_DETECTORS = (
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("openai", "OpenAIDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
)
_WHOLE = re.compile(r"[A-Za-z0-9_-]*")
"""What belongs to a key behind the part that its pattern knows."""

# Only ASCII: a Japanese particle directly behind an address is not part of it.
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}[@＠]"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_DIGITS = str.maketrans("０１２３４５６７８９－ー−‐‑–　", "0123456789------ ")
_MAY_BE_PHONE = re.compile(r"\d(?:[\s().+-]{0,3}\d){7}")
_CARD = re.compile(r"(?<![\d.-])[2-6]\d{3}(?:[ -]?\d){8,14}\d(?![\d-])")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_=-]+)?")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,8}-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,8}-----|\Z)",
    re.DOTALL,
)
_NAMED_SECRET = re.compile(
    r"(?:api[_-]?key|access[_-]?key|secret|token|passw(?:or)?d|authorization|bearer)"
    r"[\"']?\s{0,3}(?:[:=]\s{0,3}|\s)(?:bearer\s{1,3})?[\"']?(?P<value>[A-Za-z0-9_+/=.~-]{16,512})",
    re.IGNORECASE,
)
_RANDOM_BITS = 3.3
"""Entropy a character from which a value behind such a name counts as a key."""


def mask(text: str, kinds: Iterable[str], *, regions: Sequence[str] = PHONE_REGIONS) -> str:
    """Return `text` with everything of the given kinds replaced by ``[kind]``.

    Parameters
    ----------
    text : str
    kinds : iterable of str
        Some of ``email``, ``phone``, ``card``, ``key``.
    regions : sequence of str
        ISO codes of the countries whose national phone numbers are looked for.

    Raises
    ------
    InvalidParameterError
        For a kind that does not exist.
    MissingPackageError
        If the library of a kind is not installed.
    """
    wanted = parse_masks(kinds)
    found: list[tuple[int, int, str]] = []
    left = text
    for kind in sorted(wanted, key=_ORDER.index):
        spans = list(_phones(left, regions) if kind == "phone" else _SEARCHES[kind](left))
        found += [(start, end, kind) for start, end in spans]
        left = _blank(left, spans)
    return _replace(text, found) if found else text


def parse_masks(kinds: Iterable[object]) -> tuple[str, ...]:
    """Return the kinds of masking in their usual order, each once."""
    wanted = list(kinds)
    for kind in wanted:
        if kind not in MASKS:
            raise InvalidParameterError("mask", wanted=f"some of {', '.join(MASKS)}", got=kind)
    return tuple(kind for kind in MASKS if kind in wanted)


def _replace(text: str, found: list[tuple[int, int, str]]) -> str:
    """Replace each stretch once; of stretches that overlap, the longest decides the word."""
    return _splice(text, [(start, end, f"[{kind}]") for start, end, kind in _joined(sorted(found))])


def _splice(text: str, replacements: Iterable[tuple[int, int, str]]) -> str:
    """Put texts in the place of stretches that are in order and apart."""
    parts, position = [], 0
    for start, end, instead in replacements:
        parts += [text[position:start], instead]
        position = end
    return "".join([*parts, text[position:]])


def _joined(found: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    group = [found[0]]
    for item in found[1:]:
        if item[0] < max(end for _, end, _ in group):
            group.append(item)
        else:
            yield _union(group)
            group = [item]
    yield _union(group)


def _union(group: list[tuple[int, int, str]]) -> tuple[int, int, str]:
    longest = max(group, key=lambda item: item[1] - item[0])
    return group[0][0], max(end for _, end, _ in group), longest[2]


def _blank(text: str, spans: Iterable[_Span]) -> str:
    """Return `text` with the stretches empty, everything else at its place."""
    found = [(start, end, "") for start, end in sorted(spans)]
    if not found:
        return text
    return _splice(text, [(a, b, "\n" * (b - a)) for a, b, _ in _joined(found)])


def _emails(text: str) -> Iterator[_Span]:
    if "@" in text or "＠" in text:
        yield from (found.span() for found in _EMAIL.finditer(text))


def _phones(text: str, regions: Sequence[str]) -> Iterator[_Span]:
    plain = text.translate(_DIGITS)  # one character for one, so that places stay
    if not _MAY_BE_PHONE.search(plain):
        return
    matcher = need_package("phonenumbers").PhoneNumberMatcher
    for region in regions:
        # Of numbers side by side the matcher finds one at a time.
        while found := [
            (item.start, item.end)
            # The default number of tries stops a text of many digits half way.
            for item in matcher(plain, region, max_tries=len(plain) + 1)
            if _is_written_as_phone(item.raw_string)
        ]:
            yield from found
            plain = _blank(plain, found)


def _is_written_as_phone(found: str) -> bool:
    """Ten digits in a row are a number like any other, unless 0 or + stands before them."""
    in_one_piece = "  " not in found  # columns of numbers are not a telephone number
    return in_one_piece and (found.startswith(("0", "+")) or not found.isdigit())


def _cards(text: str) -> Iterator[_Span]:
    plain = text.translate(_DIGITS)
    for found in _CARD.finditer(plain):
        digits = re.sub(r"\D", "", found[0])
        if need_package("stdnum.luhn").is_valid(digits) and _grouped(found[0]):
            yield found.span()


def _grouped(text: str) -> bool:
    """Whether digits stand in groups of four and more, as cards are written; not a column."""
    groups = re.split(r"[ -]", text)
    return len(groups) == 1 or all(len(group) >= 3 for group in groups)


def _keys(text: str) -> Iterator[_Span]:
    for pattern in _key_patterns():
        for found in pattern.finditer(text):
            yield _whole_key(text, found)
    if "eyJ" in text:
        is_valid = need_package("detect_secrets.plugins.jwt").JwtTokenDetector.is_formally_valid
        yield from (found.span() for found in _JWT.finditer(text) if is_valid(found[0]))
    yield from (found.span() for found in _PRIVATE_KEY.finditer(text))
    for found in _NAMED_SECRET.finditer(text):
        if _looks_random(found["value"]):
            yield found.span("value")


def _whole_key(text: str, found: re.Match[str]) -> _Span:
    # A group of twenty characters and more is the secret; a shorter one is only its beginning.
    if found.re.groups and (found[1] is not None) and found.re.pattern.startswith(("aws", "://")):
        return found.span(1)
    tail = _WHOLE.match(text, found.end())
    return found.start(), tail.end() if tail else found.end()


@functools.cache
def _key_patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(
        pattern
        for module, name in _DETECTORS
        for pattern in getattr(need_package(f"detect_secrets.plugins.{module}"), name)().denylist
    )


def _looks_random(value: str) -> bool:
    """Whether a value has digits, letters and the disorder of a key; words and paths have not."""
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(value))
    return mixed and changes >= 3 and _entropy(value) > _RANDOM_BITS


def _entropy(value: str) -> float:
    """Return the Shannon entropy of the characters, in bits a character."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts)


_SEARCHES: dict[str, Callable[[str], Iterator[_Span]]] = {
    "email": _emails,
    "card": _cards,
    "key": _keys,
}
