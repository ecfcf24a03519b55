"""How a result is cited: the paper of its measure, the software, and the run by its digests."""

from collections.abc import Mapping
from typing import Any

from linearity.contracts.canonical import digest

PAPER = (
    "Razzhigaev, A., Mikhalchuk, M., Goncharova, E., Gerasimenko, N., Oseledets, I., Dimitrov, D. "
    "and Kuznetsov, A. (2024). Your Transformer is Secretly Linear. Proceedings of the 62nd Annual "
    "Meeting of the Association for Computational Linguistics (ACL 2024). arXiv:2405.12250."
)
PAPER_BIBTEX = """@inproceedings{razzhigaev2024secretly,
  title     = {Your Transformer is Secretly Linear},
  author    = {Razzhigaev, Anton and Mikhalchuk, Matvey and Goncharova, Elizaveta and
               Gerasimenko, Nikolai and Oseledets, Ivan and Dimitrov, Denis and Kuznetsov, Andrey},
  booktitle = {Proceedings of the 62nd Annual Meeting of the Association for Computational
               Linguistics (ACL 2024)},
  year      = {2024},
  eprint    = {2405.12250},
  archiveprefix = {arXiv},
  url       = {https://arxiv.org/abs/2405.12250}
}"""

_KINDS = {
    "linearity": {"en": "linearity", "ja": "線形性"},
    "ablation": {"en": "ablation", "ja": "アブレーション"},
    "plan": {"en": "plan", "ja": "プラン"},
    "answers": {"en": "answers", "ja": "回答の比較"},
    "passage": {"en": "passage", "ja": "文章の観察"},
    "export": {"en": "export", "ja": "書き出し"},
    "heal": {"en": "healing", "ja": "修復"},
    "speed": {"en": "speed", "ja": "速度"},
    "benchmark": {"en": "benchmark", "ja": "ベンチマーク"},
}
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "#$%&_{}"},
}

Result = Mapping[str, Any]


def cite(result: Result, *, version: str) -> dict[str, Any]:
    """Return ``text`` in both languages, ``bibtex`` and ``params_digest`` of a result.

    Parameters
    ----------
    result : mapping
    version : str
        Of the software, where the result does not say which one computed it.
    """
    facts = _facts(result, version)
    return {
        "text": {"en": _english(facts), "ja": _japanese(facts)},
        "bibtex": f"{_software_bibtex(facts)}\n\n{PAPER_BIBTEX}\n",
        "params_digest": facts["params"],
    }


def citation_file(result: Result, *, version: str) -> str:
    """Return the same as a CITATION.cff for a folder that holds the result."""
    facts = _facts(result, version)
    title = _quoted(f"{facts['en']} of {facts['model']} on {facts['dataset']}")
    return f"""cff-version: 1.2.0
message: "Please cite the run by its id, the software with its version, and the paper."
title: {title}
type: dataset
authors:
  - name: The users of LinearScope
date-released: {facts["date"]}
identifiers:
  - type: other
    value: "run:{facts["run"]}"
    description: LinearScope run, the digest of its question
  - type: other
    value: "sha256:{facts["model_fingerprint"]}"
    description: fingerprint of the model
  - type: other
    value: "sha256:{facts["dataset_fingerprint"]}"
    description: fingerprint of the dataset
  - type: other
    value: "sha256:{facts["params"]}"
    description: digest of the parameters
references:
  - type: software
    title: LinearScope
    version: {_quoted(facts["version"])}
    authors:
      - name: The LinearScope developers
  - type: conference-paper
    title: Your Transformer is Secretly Linear
    year: 2024
    url: https://arxiv.org/abs/2405.12250
    authors:
      - family-names: Razzhigaev
        given-names: Anton
      - name: and others
"""


def _facts(result: Result, version: str) -> dict[str, str]:
    return {
        "run": result["id"],
        **_KINDS[result["kind"]],
        "model": str(result["model"]["name"]),
        "dataset": str(result["dataset"]["name"]),
        "model_fingerprint": result["model"]["fingerprint"],
        "dataset_fingerprint": result["dataset"]["fingerprint"],
        "params": digest(result["params"]),
        "version": str(result["environment"].get("linearscope") or version),
        "date": str(result["created"])[:10],
    }


def _english(facts: Mapping[str, str]) -> str:
    return (
        f"LinearScope {facts['version']}: {facts['en']} of {facts['model']} on "
        f"{facts['dataset']}, {facts['date']}. Run {facts['run']}; model "
        f"sha256:{facts['model_fingerprint']}; dataset sha256:{facts['dataset_fingerprint']}; "
        f"parameters sha256:{facts['params']}. Measure after: {PAPER}"
    )


def _japanese(facts: Mapping[str, str]) -> str:
    return (
        f"LinearScope {facts['version']}:{facts['model']} の{facts['ja']}"
        f"({facts['dataset']} で測定、{facts['date']})。実行 ID {facts['run']}、モデル "
        f"sha256:{facts['model_fingerprint']}、データセット "
        f"sha256:{facts['dataset_fingerprint']}、パラメーター sha256:{facts['params']}。"
        f"指標の出典:{PAPER}"
    )


def _software_bibtex(facts: Mapping[str, str]) -> str:
    title = _latex(f"LinearScope: {facts['en']} of {facts['model']} on {facts['dataset']}")
    return f"""@software{{linearscope_{facts["run"][:12]},
  title   = {{{title}}},
  author  = {{{{The LinearScope developers}}}},
  version = {{{_latex(facts["version"])}}},
  year    = {{{facts["date"][:4]}}},
  note    = {{Run {facts["run"]}. Model sha256:{facts["model_fingerprint"]}.
             Dataset sha256:{facts["dataset_fingerprint"]}.
             Parameters sha256:{facts["params"]}.}}
}}"""


def _latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(text.split()))


def _quoted(text: str) -> str:
    """Return a text as a YAML double-quoted one, on one line."""
    plain = " ".join(text.split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
