"""The model families that are read: one table, in words that need no library.

A row says where the model keeps its parts and what a run may ask of it. What the family's
``config.json`` and weights must look like is in `linearity.adapters.families`, one small module
a family or a few siblings; a new family needs a row here and a reader there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from linearity.contracts.actions import ACTIONS
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.named_layout import ONLY_LINEARITY
from linearity.contracts.parameters import automatic_choice
from linearity.errors import InvalidParameterError

NORMED_UPDATE = (
    "this family norms the MLP's output before it enters the stream, so no map of it can move "
    "into the down projection"
)


NO_ONE_MAP = (
    "a router sends every token through experts of its own, and one map in their place would "
    "average over that choice, which has not been tested"
)


OF_STATES = ("linearity", "passage")
"""Kinds that only read states."""
ONLY_STATES = (
    "an encoder has no next-token loss, by which a change of blocks could be judged, and writes "
    "no answers"
)


@dataclass(frozen=True)
class Stacks:
    """How published checkpoints name the experts that the library stacks in two arrays a block.

    Parameters
    ----------
    gate, up, down : str
        The maps of an expert; the first array holds gate above up, the second down.
    within : str
        What files call the part of a block that is ``mlp`` in the library.
    """

    gate: str = "gate_proj"
    up: str = "up_proj"
    down: str = "down_proj"
    within: str = "mlp"

    def is_stack(self, name: str) -> bool:
        """Return whether a weight of the library is such an array."""
        return name.endswith((".mlp.experts.gate_up_proj", ".mlp.experts.down_proj"))

    def saved(self, name: str) -> str:
        """Return what files call a weight of the library."""
        return name.replace(".mlp.", f".{self.within}.")

    def parts_of(self, name: str, count: int) -> list[list[str]]:
        """Return the names of what lies in each of the `count` experts of an array, in order."""
        block, _, kind = name.rpartition(".mlp.experts.")
        maps = (self.gate, self.up) if kind == "gate_up_proj" else (self.down,)
        at = f"{block}.{self.within}.experts"
        return [[f"{at}.{expert}.{each}.weight" for each in maps] for expert in range(count)]


@dataclass(frozen=True)
class Family:
    """What sets a family apart; the defaults are those of Llama, which most families share.

    Parameters
    ----------
    architecture : str
        transformers' class of its causal language model.
    is_tied : bool
        Whether the head is the input embedding where ``config.json`` does not say.
    decoder, head : str
        Dotted paths in the whole model: everything but the output embedding, and that.
    blocks, norm : str
        In the decoder: the list of blocks, and the norm between the last block and the head.
    down : str
        In a block: what writes the MLP's output into the stream.
    between : str
        In a block: what reads the state between attention and MLP; empty where both read one state.
    parallel_flags : tuple of str
        Fields of ``config.json`` that let both read one state where they are true.
    merged_refusal : str
        Why no map can be merged into `down`; empty where one can.
    linear_refusal : str
        Why no map can stand for a block; empty where one can.
    attentions : tuple of str
        transformers' attention implementations for it; ``auto`` is the first.
    has_tuples : bool
        Whether blocks answer with a tuple whose first entry is the state.
    has_positions : bool
        Whether blocks are told ``position_ids``.
    stacks : Stacks or None
        How files name experts that the library stacks; None without experts.
    kinds_refusal : str
        Why only kinds that read states make sense; empty where all do.
    is_encoder : bool
        Whether tokens see those after them too, and blocks norm the stream itself.
    has_pooler : bool
        Whether transformers puts a pooler on top unless it is told not to.
    reserved : int
        Positions that no token of a text may have.
    beside : tuple of str
        How the names of weights begin that files may hold and that are not read.
    """

    architecture: str
    is_tied: bool = False
    decoder: str = "model"
    head: str = "lm_head"
    blocks: str = "layers"
    norm: str = "norm"
    down: str = "mlp.down_proj"
    between: str = "post_attention_layernorm"
    parallel_flags: tuple[str, ...] = ()
    merged_refusal: str = ""
    linear_refusal: str = ""
    attentions: tuple[str, ...] = ("sdpa", "eager")
    has_tuples: bool = False
    has_positions: bool = True
    stacks: Stacks | None = None
    kinds_refusal: str = ""
    is_encoder: bool = False
    has_pooler: bool = False
    reserved: int = 0
    beside: tuple[str, ...] = ()

    def refusal(self, action: str) -> str:
        """Return why an action makes no sense here; empty where it does."""
        return {"merged": self.merged_refusal, "linear": self.linear_refusal}.get(action, "")


def _experts(architecture: str, stacks: Stacks = Stacks()) -> Family:
    return Family(architecture, merged_refusal=NO_ONE_MAP, linear_refusal=NO_ONE_MAP, stacks=stacks)


def _encoder(architecture: str, name: str, blocks: str, reserved: int) -> Family:
    tops = (
        "pooler.",
        "cls.",
        "lm_head.",
        "vocab_",
        "classifier.",
        "pre_classifier.",
        "qa_outputs.",
    )
    return Family(
        architecture,
        is_tied=True,
        decoder="",
        head="",
        blocks=blocks,
        norm="",
        between="",
        kinds_refusal=ONLY_STATES,
        is_encoder=True,
        has_pooler=name != "distilbert",
        reserved=reserved,
        beside=(*tops, f"{name}.pooler."),
    )


FAMILIES: dict[str, Family] = {
    "llama": Family("LlamaForCausalLM"),
    "mistral": Family("MistralForCausalLM"),
    "qwen2": Family("Qwen2ForCausalLM"),
    "qwen3": Family("Qwen3ForCausalLM"),
    "smollm3": Family("SmolLM3ForCausalLM", is_tied=True),
    "phi3": Family("Phi3ForCausalLM"),
    "stablelm": Family("StableLmForCausalLM", parallel_flags=("use_parallel_residual",)),
    "olmo": Family("OlmoForCausalLM"),
    "olmo2": Family("Olmo2ForCausalLM", between="mlp", merged_refusal=NORMED_UPDATE),
    "gemma": Family("GemmaForCausalLM", is_tied=True),
    "gemma2": Family(
        "Gemma2ForCausalLM",
        is_tied=True,
        between="pre_feedforward_layernorm",
        merged_refusal=NORMED_UPDATE,
        attentions=("eager",),  # sdpa has no caps on its scores
    ),
    "gemma3_text": Family(
        "Gemma3ForCausalLM",
        is_tied=True,
        between="pre_feedforward_layernorm",
        merged_refusal=NORMED_UPDATE,
    ),
    "gpt2": Family(
        "GPT2LMHeadModel",
        is_tied=True,
        decoder="transformer",
        blocks="h",
        norm="ln_f",
        down="mlp.c_proj",
        between="ln_2",
    ),
    "gpt_neox": Family(
        "GPTNeoXForCausalLM",
        decoder="gpt_neox",
        norm="final_layer_norm",
        down="mlp.dense_4h_to_h",
        parallel_flags=("use_parallel_residual",),
    ),
    "gptj": Family(
        "GPTJForCausalLM",
        decoder="transformer",
        blocks="h",
        norm="ln_f",
        down="mlp.fc_out",
        between="",
        attentions=("eager",),
        has_tuples=True,
    ),
    "opt": Family(
        "OPTForCausalLM",
        is_tied=True,
        decoder="model.decoder",
        norm="final_layer_norm",
        down="fc2",
        between="final_layer_norm",
    ),
    "bloom": Family(
        "BloomForCausalLM",
        is_tied=True,
        decoder="transformer",
        blocks="h",
        norm="ln_f",
        down="mlp.dense_4h_to_h",
        attentions=("eager",),
        has_tuples=True,
        has_positions=False,
    ),
    "falcon": Family(
        "FalconForCausalLM",
        is_tied=True,
        decoder="transformer",
        blocks="h",
        norm="ln_f",
        down="mlp.dense_4h_to_h",
        parallel_flags=("parallel_attn", "new_decoder_architecture"),
        attentions=("sdpa",),  # eager adds ALiBi twice (transformers 5.23)
        has_tuples=True,
    ),
    "phi": Family("PhiForCausalLM", norm="final_layernorm", down="mlp.fc2", between=""),
    "mixtral": _experts("MixtralForCausalLM", Stacks("w1", "w3", "w2", "block_sparse_moe")),
    "qwen2_moe": _experts("Qwen2MoeForCausalLM"),
    "qwen3_moe": _experts("Qwen3MoeForCausalLM"),
    "olmoe": _experts("OlmoeForCausalLM"),
    "bert": _encoder("BertModel", "bert", "encoder.layer", 1),
    "roberta": _encoder("RobertaModel", "roberta", "encoder.layer", 3),
    "distilbert": _encoder("DistilBertModel", "distilbert", "transformer.layer", 1),
}
"""By transformers' ``model_type``."""

LLAMA = FAMILIES["llama"]

CUSTOM_PREFIX = "linearscope_"
"""How the model types begin of exports with linear blocks: the family's own name follows."""
IS_CHANGED = "some of its blocks are linear maps already: change the model that it was made from"


def linearizable() -> list[str]:
    """Return the families that an export with linear blocks may be of."""
    return [
        name for name, known in FAMILIES.items() if not (known.linear_refusal or known.is_encoder)
    ]


def is_linearized(model_type: object) -> bool:
    """Return whether a model type is that of an export with linear blocks."""
    return isinstance(model_type, str) and (
        model_type.startswith(CUSTOM_PREFIX)
        and model_type.removeprefix(CUSTOM_PREFIX) in linearizable()
    )


def family_named(model_type: str) -> Family:
    """Return what is known of a model type that is read.

    Of an export with linear blocks it is what is known of the family it was made from, but for the
    state between attention and MLP, which a linear map has not.
    """
    if not is_linearized(model_type):
        return FAMILIES[model_type]
    made_from = FAMILIES[model_type.removeprefix(CUSTOM_PREFIX)]
    return replace(
        made_from,
        architecture=f"Linear{made_from.architecture}",
        between="",
        kinds_refusal=IS_CHANGED,
    )


def family_of(model: ModelRecord) -> Family:
    """Return what is known of a model's blocks; little where its user named them."""
    layout = model.layout
    if layout is None:
        return family_named(model.family)
    return Family(
        "",
        decoder=layout.decoder,
        head=layout.head,
        blocks=layout.blocks,
        norm=layout.norm,
        between="",
        kinds_refusal=ONLY_LINEARITY,
        attentions=layout.attentions,
    )


def runs_whole(model: ModelRecord) -> bool:
    """Return whether a model is only run as a whole, and only for its states."""
    return bool(family_of(model).kinds_refusal)


def refuse_kind(kind: str, model: ModelRecord) -> None:
    """Refuse kinds that change a model where only its states are known.

    Raises
    ------
    InvalidParameterError
        With the reason.
    """
    why = family_of(model).kinds_refusal
    if why and kind not in OF_STATES:
        raise InvalidParameterError(
            "kind",
            wanted=f"linearity ({model.family}: {why})",
            got=kind,
            next_step="Measure linearity, or take a model of a supported family.",
        )


def attention_of(given: Mapping[str, Json], model: ModelRecord) -> str:
    """Return the parameter ``attention``: the model's first unless another of its is named."""
    known = family_of(model).attentions
    return automatic_choice(given, "attention", known[0], known)


def is_parallel(family: Family, config: Mapping[str, Json]) -> bool:
    """Return whether attention and MLP of a block read the same state."""
    return not family.between or any(config.get(flag) for flag in family.parallel_flags)


def sensible_actions(actions: Iterable[str], family: str) -> list[str]:
    """Return those of some actions that make sense for a family."""
    return [action for action in actions if not family_named(family).refusal(action)]


def refuse_senseless(actions: Iterable[str], family: str, *, parameter: str) -> None:
    """Refuse an action that makes no sense for a family.

    Raises
    ------
    InvalidParameterError
        With the reason.
    """
    for action in actions:
        why = family_named(family).refusal(action)
        if why:
            raise InvalidParameterError(
                parameter,
                wanted=f"{' or '.join(sensible_actions(ACTIONS, family))} ({family}: {why})",
                got=action,
                next_step=f"Leave {action} out.",
            )
