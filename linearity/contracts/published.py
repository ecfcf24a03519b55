"""What the paper published for the models that it measured, to be laid over our profiles.

Razzhigaev et al., "Your Transformer is Secretly Linear", arXiv:2405.12250v1 (ACL 2024). There is no
table of profiles: the numbers of figure 1 are read off the picture, and its ranges are those of
groups of models. All of them are in sample, with every token kept. Table 1 is printed.
"""

from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json

PAPER_URL = "https://arxiv.org/abs/2405.12250v1"
FIGURE_1 = "figure 1, read off the picture"
FIGURE_1_PIXELS = "figure 1, pixels measured, within 0.02"
TABLE_1 = "table 1"
MIDDLE = (0.4, 0.8)
"""Where the middle of the depth is drawn. The paper names no bounds; Llama-2-7B was read here."""
TASKS = ("multirc", "boolq", "cb", "reward_modelling")


@dataclass(frozen=True)
class Range:
    """Lowest and highest of some published values.

    Parameters
    ----------
    low, high : float
    group : str
        Of which models it is the range, as a word that the page translates.
    source : str
        Where in the paper, and how it was read.
    """

    low: float
    high: float
    group: str
    source: str


@dataclass(frozen=True)
class Change:
    """How much fine-tuning raised the mean update score (its "without residual")."""

    task: str
    change: float
    spread: float
    source: str = TABLE_1


@dataclass(frozen=True)
class Published:
    """What the paper says of one model; a range is None where it shows none.

    Parameters
    ----------
    name : str
        As the paper calls the model.
    stream, update : Range or None
        In the middle of the depth, "with" and "without residual".
    depth : (float, float)
        Where the middle is drawn, 0 for the first transition and 1 for the last.
    fine_tuning : tuple of Change
    url : str
    """

    name: str
    stream: Range | None
    update: Range | None
    fine_tuning: tuple[Change, ...] = ()
    depth: tuple[float, float] = MIDDLE
    url: str = PAPER_URL

    def as_json(self) -> dict[str, Json]:
        """Return the values as plain ones."""
        return asdict(self)


_STREAM = Range(0.95, 1.0, "all_but_pythia_70m", FIGURE_1)
_UPDATE = Range(0.33, 0.65, "all", FIGURE_1)
_GPT2_WIDE = Range(0.33, 0.38, "gpt2_large_xl", FIGURE_1)
_SEVEN = Range(0.5, 0.63, "mistral_7b_llama_3_8b", FIGURE_1)
_HIGH = Range(0.55, 0.65, "opt_30b_falcon_llama_2_13b", FIGURE_1)
_LLAMA_2_7B = Range(0.52, 0.54, "llama_2_7b", FIGURE_1_PIXELS)
_PYTHIA_70M = Range(0.75, 0.94, "pythia_70m", FIGURE_1)

_CHANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "OPT-125M": ((0.085, 0.008), (0.217, 0.038), (0.048, 0.009), (0.060, 0.008)),
    "OPT-1.3B": ((0.055, 0.021), (0.382, 0.004), (0.088, 0.010), (0.062, 0.007)),
    "OPT-2.7B": ((0.061, 0.025), (0.356, 0.005), (0.066, 0.029), (0.054, 0.003)),
    "Llama-2-7B": ((0.141, 0.006), (0.051, 0.024), (0.081, 0.070), (0.194, 0.027)),
    "GPT-2": ((0.085, 0.021), (0.048, 0.016), (0.004, 0.003), (0.092, 0.013)),
    "GPT-2 large": ((0.049, 0.003), (0.023, 0.008), (0.025, 0.014), (0.085, 0.008)),
    "GPT-2 XL": ((0.040, 0.007), (0.037, 0.007), (0.028, 0.019), (0.038, 0.008)),
}
"""Table 1: mean and spread over seeds, in the order of `TASKS`."""


def _changes(name: str) -> tuple[Change, ...]:
    # A model without a row in table 1 has none of its columns.
    found = _CHANGES.get(name, ())
    return tuple(Change(task, *one) for task, one in zip(TASKS, found, strict=False))


_ROWS: tuple[tuple[str, int, int, str, Range | None, Range | None], ...] = (
    ("llama-2-7b-hf", 32, 4096, "Llama-2-7B", _STREAM, _LLAMA_2_7B),
    ("llama-2-7b-chat-hf", 32, 4096, "Llama-2-7B-chat", _STREAM, _UPDATE),
    ("llama-2-13b-hf", 40, 5120, "Llama-2-13B", _STREAM, _HIGH),
    ("gpt-j-6b", 28, 4096, "GPT-J-6B", _STREAM, _UPDATE),
    ("opt-125m", 12, 768, "OPT-125M", _STREAM, _UPDATE),
    ("opt-1.3b", 24, 2048, "OPT-1.3B", _STREAM, _UPDATE),
    ("opt-2.7b", 32, 2560, "OPT-2.7B", None, None),
    ("opt-13b", 40, 5120, "OPT-13B", _STREAM, _UPDATE),
    ("opt-30b", 48, 7168, "OPT-30B", _STREAM, _HIGH),
    ("gpt2", 12, 768, "GPT-2", _STREAM, _UPDATE),
    ("gpt2-large", 36, 1280, "GPT-2 large", _STREAM, _GPT2_WIDE),
    ("gpt2-xl", 48, 1600, "GPT-2 XL", _STREAM, _GPT2_WIDE),
    ("falcon-7b", 32, 4544, "Falcon-7B", _STREAM, _HIGH),
    ("falcon-7b-instruct", 32, 4544, "Falcon-7B-instruct", _STREAM, _HIGH),
    ("bloom-560m", 24, 1024, "BLOOM-560M", _STREAM, _UPDATE),
    ("bloom-1b1", 24, 1536, "BLOOM-1.1B", _STREAM, _UPDATE),
    ("bloom-3b", 30, 2560, "BLOOM-3B", _STREAM, _UPDATE),
    ("bloom-7b1", 30, 4096, "BLOOM-7.1B", _STREAM, _UPDATE),
    ("pythia-70m", 6, 512, "Pythia-70M", _PYTHIA_70M, _UPDATE),
    ("pythia-2.8b", 32, 2560, "Pythia-2.8B", _STREAM, _UPDATE),
    ("tinyllama-1.1b-intermediate-step-1431k-3t", 22, 2048, "TinyLlama-1.1B 3T", _STREAM, _UPDATE),
    ("mistral-7b-v0.1", 32, 4096, "Mistral-7B", _STREAM, _SEVEN),
    ("meta-llama-3-8b", 32, 4096, "Llama-3-8B", _STREAM, _SEVEN),
    ("phi-3-mini-4k-instruct", 32, 3072, "Phi-3-mini 4k", _STREAM, _UPDATE),
    ("phi-3-mini-128k-instruct", 32, 3072, "Phi-3-mini 128k", _STREAM, _UPDATE),
)
"""Last part of the hub id in small letters, blocks and width, the paper's name, the two ranges.

OPT-2.7B is in table 1 only.
"""

_MODELS = {
    (hub, blocks, width): Published(name, stream, update, _changes(name))
    for hub, blocks, width, name, stream, update in _ROWS
}


def published(name: str, *, blocks: int, width: int) -> Published | None:
    """Return what the paper says of a model, or None where it does not say anything.

    Parameters
    ----------
    name : str
        ``owner/name`` of a hub model, or the name of its folder. With a revision (``@``) it is
        another checkpoint than the paper's.
    blocks, width : int
        A model of that name with another architecture is another model.
    """
    return _MODELS.get((name.rpartition("/")[2].lower(), blocks, width))
