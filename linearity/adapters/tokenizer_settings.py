"""``tokenizer_config.json`` and ``special_tokens_map.json``: the few settings that are obeyed.

The class that they name is not: ``tokenizer.json`` is used as it stands, whatever the library's
class of that name would build from its vocabulary.
"""

from collections.abc import Container, Mapping

from linearity.adapters.findings import Findings
from linearity.adapters.given_files import TOKENIZER_CONFIG
from linearity.contracts.canonical import Json

SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "pad_token")
FLAGS = ("add_bos_token", "add_eos_token")


def clean_settings(
    given: Mapping[str, Json],
    special: Mapping[str, Json],
    tokens: Container[str],
    findings: Findings,
) -> dict[str, Json]:
    """Return the settings that the library is given.

    Parameters
    ----------
    given, special : mapping
        The two files; the first leads.
    tokens : container of str
        Every token of ``tokenizer.json``: others would be added beyond the embedding.
    findings : Findings
    """
    cleaned: dict[str, Json] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if given.get("auto_map") is not None:
        findings.refuse(
            "forbidden_config_key",
            f"{TOKENIZER_CONFIG}: the key 'auto_map' is not accepted",
            file=TOKENIZER_CONFIG,
            field="auto_map",
        )
    for name in SPECIAL_NAMES:
        token = _content(given.get(name) or special.get(name))
        if token is None:
            continue
        if token in tokens:
            cleaned[name] = token
        else:
            findings.warn(f"{TOKENIZER_CONFIG}: {name} {token[:40]!r} is no token; ignored")
    cleaned |= {name: given[name] for name in FLAGS if isinstance(given.get(name), bool)}
    return cleaned


def _content(token: Json) -> str | None:
    """Return the text of a token, which is given plainly or as an object."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) and token else None
