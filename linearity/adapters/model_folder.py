"""Judge files that claim to be a model, before anything of it is loaded: the order of work.

transformers fills missing layers with random numbers without a word, follows paths inside the
index, and obeys some keys of a configuration. Here every file is chosen by name from a short
list; configuration, index, headers and tokenizer are read strictly and compared with each other;
every weight is looked at. What is wrong is collected, so that one inspection says it all.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from linearity.adapters.expected_weights import check_weights
from linearity.adapters.findings import Findings
from linearity.adapters.given_files import (
    LARGEST,
    SENTENCEPIECE,
    SPECIAL_TOKENS,
    TEMPLATE,
    TOKENIZER_CONFIG,
    GivenFile,
    SmallFile,
    open_given,
    parse_object,
    read_small,
)
from linearity.adapters.model_config import ModelConfig, read_config
from linearity.adapters.model_index import check_index, listed_shards
from linearity.adapters.named_model import read_named
from linearity.adapters.safetensors_header import Tensor, read_header
from linearity.adapters.tensor_scan import scan_weights
from linearity.adapters.tokenizer_file import TokenizerFile, read_tokenizer
from linearity.adapters.tokenizer_settings import clean_settings
from linearity.adapters.tokenizer_trial import try_tokenizer
from linearity.contracts.canonical import Json, canonical_json, sha256_hex
from linearity.contracts.families import family_named, is_parallel
from linearity.contracts.model_files import (
    CONFIG,
    GENERATION,
    INDEX,
    PICKLES,
    TOKENIZER,
    WEIGHTS,
    is_model_file,
)
from linearity.contracts.named_layout import NamedLayout, NamedParts

_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}

LONGEST_TEMPLATE = 256 << 10
Log = Callable[[str], None]


@dataclass(frozen=True)
class ModelFacts:
    """What the files say, checked against each other; the fields are those of a `ModelRecord`."""

    family: str
    blocks: int
    width: int
    vocabulary: int
    context: int
    parameters: int
    dtype: str
    in_parallel: bool
    layout: NamedLayout | None = None


@dataclass(frozen=True)
class ScannedFile:
    """A file as it was read: its digest, size and time."""

    sha256: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class InspectedModel:
    """A model that may be loaded.

    Parameters
    ----------
    facts : ModelFacts
    files : mapping of str to ScannedFile
        Every file as it was given, by name.
    cleaned : mapping of str to bytes
        The small files that the library is to read, by name: known settings only.
    warnings : list of str
    """

    facts: ModelFacts
    files: Mapping[str, ScannedFile]
    cleaned: Mapping[str, bytes]
    warnings: list[str]


@dataclass(frozen=True)
class _WeightFile:
    """What the header of a weight file says, and which state of the file that was."""

    tensors: Sequence[Tensor]
    state: tuple[int, int, int]


class ModelFolder:
    """Files by name, and what has been found in them so far."""

    def __init__(
        self,
        files: Sequence[GivenFile],
        others: Sequence[str],
        log: Log,
        *,
        parts: NamedParts | None = None,
    ) -> None:
        self._parts = parts
        self._paths = {file.name: file for file in files if is_model_file(file.name)}
        self._others = others
        self._log = log
        self._findings = Findings()
        self._small: dict[str, SmallFile] = {}
        self._weights: dict[str, _WeightFile] = {}

    def inspect(self, *, is_trusted: bool) -> InspectedModel:
        """Look at everything.

        Parameters
        ----------
        is_trusted : bool
            Whether the files were made here, so that the tokenizer need not be tried.

        Raises
        ------
        RejectedInputError
            With everything that is wrong.
        """
        self._read_small_files()
        given = self._object(CONFIG)
        config = None if given is None else self._read_config(given)
        if self._read_headers() and config is not None:
            check_weights(self._tensors(), config, self._findings)
        tokenizer = self._read_tokenizer(config)
        cleaned = self._clean_small_files(tokenizer)
        if tokenizer is not None and config is not None and not is_trusted:
            self._log("trying the tokenizer")
            data = cleaned[TOKENIZER]
            try_tokenizer(data, tokenizer.expressions, config.vocabulary, self._findings)
        # What takes time comes last, and not for a model that is refused anyway.
        self._findings.reject_if_any()
        assert config is not None
        facts = _facts(config, self._tensors())
        scanned = self._scan(facts.dtype)
        self._findings.reject_if_any()
        cleaned[CONFIG] = canonical_json(dict(config.cleaned))
        if INDEX in self._small:
            cleaned[INDEX] = canonical_json({"metadata": {}, "weight_map": self._places()})
        return InspectedModel(facts, scanned, cleaned, self._findings.warnings)

    def _read_config(self, given: Mapping[str, Json]) -> ModelConfig | None:
        if self._parts is None:
            return read_config(given, self._findings)
        self._log("building the model without numbers, to see its blocks")
        return read_named(given, self._parts, self._findings)

    def _read_small_files(self) -> None:
        for name in LARGEST:
            if name in self._paths and not (name == INDEX and WEIGHTS in self._paths):
                file = read_small(self._paths[name], self._findings)
                if file is not None:
                    self._small[name] = file
        if CONFIG not in self._paths:
            self._missing(CONFIG)
        if TOKENIZER not in self._paths:
            alone = f"; {SENTENCEPIECE} alone is not read, AutoTokenizer can convert it"
            self._missing(TOKENIZER, alone if SENTENCEPIECE in self._paths else "")

    def _object(self, name: str) -> dict[str, Json] | None:
        file = self._small.get(name)
        return None if file is None else parse_object(file.data, name, self._findings)

    def _read_headers(self) -> bool:
        """Read the header of each weight file; whether nothing is wrong with them."""
        before = len(self._findings.reasons)
        index = None
        names = [WEIGHTS]
        if WEIGHTS not in self._paths:
            index = self._object(INDEX)
            present = [name for name in self._paths if name not in LARGEST]
            if index is None:
                self._no_weights(present)
                return False
            names = listed_shards(index, present, self._findings)
        for name in names:
            with open_given(self._paths[name].path) as (stream, status):
                tensors = read_header(stream, status.st_size, name, self._findings)
                self._weights[name] = _WeightFile(tensors or [], _state(stream))
        if index is not None and len(self._findings.reasons) == before:
            check_index(index, self._tensors(), self._findings)
        return len(self._findings.reasons) == before

    def _tensors(self) -> dict[str, Sequence[Tensor]]:
        return {name: weights.tensors for name, weights in self._weights.items()}

    def _places(self) -> dict[str, str]:
        """Return the file of each tensor, as the headers say."""
        return {t.name: name for name, file in self._weights.items() for t in file.tensors}

    def _no_weights(self, shards: Sequence[str]) -> None:
        pickles = sorted(name for name in self._others if name.endswith(PICKLES))
        if INDEX in self._paths:
            return  # it is there, and what is wrong with it has been said
        if shards:
            self._missing(INDEX, f"; it says which weights are in {shards[0]}")
        elif pickles:
            self._findings.refuse(
                "pickle_only",
                f"the weights are pickled ({pickles[0]}); loading them could run code",
                file=pickles[0],
            )
        else:
            self._missing(WEIGHTS, "; no other weights were found")

    def _missing(self, name: str, hint: str = "") -> None:
        self._findings.refuse("file_missing", f"{name} is missing{hint}", file=name)

    def _read_tokenizer(self, config: ModelConfig | None) -> TokenizerFile | None:
        given = self._object(TOKENIZER)
        vocabulary = None if config is None else config.vocabulary
        return None if given is None else read_tokenizer(given, vocabulary, self._findings)

    def _clean_small_files(self, tokenizer: TokenizerFile | None) -> dict[str, bytes]:
        settings = self._object(TOKENIZER_CONFIG) or {}
        special = self._object(SPECIAL_TOKENS) or {}
        generation = self._object(GENERATION) or {}
        if tokenizer is None:
            return {}
        kept = clean_settings(settings, special, tokenizer.tokens, self._findings)
        cleaned = {TOKENIZER: self._small[TOKENIZER].data, TOKENIZER_CONFIG: canonical_json(kept)}
        if tokenizer.cleaned is not None:
            cleaned[TOKENIZER] = canonical_json(tokenizer.cleaned)
        if generation.get("eos_token_id") is not None:
            cleaned[GENERATION] = canonical_json({"eos_token_id": generation["eos_token_id"]})
        template = self._template(settings)
        return cleaned if template is None else cleaned | {TEMPLATE: template}

    def _template(self, settings: Mapping[str, Json]) -> bytes | None:
        """Return the chat template as it is: a program that nothing here runs or compiles."""
        file, spelled = self._small.get(TEMPLATE), settings.get("chat_template")
        if file is None and not isinstance(spelled, str):
            return None
        data = file.data if file is not None else str(spelled).encode(errors="replace")
        if len(data) > LONGEST_TEMPLATE or not _is_text(data):
            self._findings.warn(
                f"the chat template is no text of at most {LONGEST_TEMPLATE >> 10} KiB; ignored"
            )
            return None
        return data

    def _scan(self, dtype: str) -> dict[str, ScannedFile]:
        scanned = {
            name: ScannedFile(sha256_hex(file.data), len(file.data), file.modified_ns)
            for name, file in self._small.items()
        }
        for number, (name, weights) in enumerate(self._weights.items(), start=1):
            self._log(f"checking weights {number} of {len(self._weights)} files")
            with open_given(self._paths[name].path) as (stream, status):
                before = _state(stream)
                sha256 = scan_weights(
                    stream, weights.tensors, name, dtype=dtype, findings=self._findings
                )
                after = _state(stream)
            if not before == after == weights.state:
                self._findings.refuse(
                    "file_changed", f"{name} was changed while it was inspected", file=name
                )
            scanned[name] = ScannedFile(sha256, status.st_size, status.st_mtime_ns)
        return scanned


def _is_text(data: bytes) -> bool:
    try:
        return bool(data.decode().strip())
    except UnicodeDecodeError:
        return False


def _state(stream: BinaryIO) -> tuple[int, int, int]:
    status = os.fstat(stream.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns


def _facts(config: ModelConfig, weights: Mapping[str, Sequence[Tensor]]) -> ModelFacts:
    held = [t for file in weights.values() for t in file if not t.is_recomputed]
    tensors = [tensor for tensor in held if not config.is_beside(tensor.name)]
    types = {_DTYPES[tensor.dtype] for tensor in tensors}
    only = types.pop() if len(types) == 1 else "float32"
    computed = config.dtype or only
    return ModelFacts(
        family=config.family,
        blocks=config.blocks,
        width=config.width,
        vocabulary=config.vocabulary,
        context=config.context,
        parameters=sum(math.prod(tensor.shape) for tensor in tensors),
        dtype="float32" if computed == "float64" else computed,
        in_parallel=config.layout is None
        and is_parallel(family_named(config.family), config.cleaned),
        layout=config.layout,
    )
