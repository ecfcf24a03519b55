"""The parameters of every kind as JSON Schema, for the API's own description.

What is accepted is decided by `linearity.contracts`; this only tells. A test compares the names.
"""

from linearity.contracts.ablation import STRATEGIES, STRATEGY_ALIASES
from linearity.contracts.actions import ACTIONS, EXAMPLE
from linearity.contracts.answers import TEMPLATES as ANSWER_TEMPLATES
from linearity.contracts.benchmark import ANSWER_ENDING
from linearity.contracts.common import FITTINGS
from linearity.contracts.export import USUAL_SHARD_BYTES
from linearity.contracts.heal import LEARNING_RATES, OBJECTIVES, TRAINED
from linearity.contracts.heal import SPLITS as HEAL_SPLITS
from linearity.contracts.passage import LONGEST_TEXT, MOST_TOKENS
from linearity.contracts.plan import FIDELITIES, SPLITS
from linearity.contracts.scripts import SCORES
from linearity.contracts.speed import DEFAULT_BATCHES
from linearity.contracts.templates import TEMPLATES
from linearity.contracts.timings import FEWEST_PAIRS

Schema = dict[str, object]


def _whole(default: int | str, told: str) -> Schema:
    return {"type": ["integer", "string"], "default": default, "description": told}


def _choice(options: tuple[str, ...], default: str, told: str) -> Schema:
    return {"enum": list(options), "default": default, "description": told}


def _some(options: tuple[str, ...], default: list[str], told: str) -> Schema:
    items = {"type": "string", "enum": list(options)}
    return {"type": "array", "items": items, "default": default, "description": told}


_COMPUTED: dict[str, Schema] = {
    "context": _whole(256, "longest window, in tokens"),
    "seed": _whole(0, "orders and splits the documents"),
    "ridge": {
        "type": ["number", "string"],
        "default": "auto",
        "description": "shrinkage toward the identity, or auto to choose it",
    },
    "dtype": _choice(
        ("auto", "float32", "bfloat16", "float16"), "auto", "what the model computes in"
    ),
    "attention": _choice(("auto", "sdpa", "eager"), "auto", "attention implementation"),
    "template": _choice(TEMPLATES, "auto", "whether records with an answer get the chat template"),
    "score": _choice(SCORES, "answer", "whether only the answers of such records are scored"),
}
_SAMPLING: dict[str, Schema] = {
    "fit_tokens": _whole("auto", "split F, on which maps are fitted: max(16384, 20 x width)"),
    "select_tokens": _whole(2048, "split A, on which curves and what-ifs are measured"),
    "report_tokens": _whole(4096, "split B, on which frozen plans are measured"),
    **_COMPUTED,
}
_PLAN: dict[str, Schema] = {
    "plan": {"type": "string", "examples": [EXAMPLE], "description": "block:action, ..."},
    "fitting": _choice(FITTINGS, "one_shot", "maps from the dense model's states, or in turn"),
}
_HEALED: Schema = {
    "type": "string",
    "default": "",
    "description": "weights that a heal run of this plan wrote: its id, or their sha256",
}

_CHANGED: dict[str, Schema] = {
    **_PLAN,
    "healed": _HEALED,
    **_SAMPLING,
}

_FITTED_ON: dict[str, Schema] = {
    "tokens": _whole("auto", "model input positions in all: max(16384, 20 x width)"),
    "heldout": {"type": "number", "default": 0.25, "description": "share only scored on"},
    "exclude": _choice(("sinks", "first", "none"), "sinks", "which tokens stay out"),
}

PARAMETERS: dict[str, dict[str, Schema]] = {
    "linearity": {
        **_FITTED_ON,
        "pairs": _choice(("auto", "all", "adjacent"), "auto", "which pairs of states"),
        "repeats": _whole(1, "splits that the profile is measured on, 1 to 20"),
        "granularity": _choice(
            ("block", "sublayer"), "block", "sublayer: also the states between attention and MLP"
        ),
        "protocol": _choice(
            ("standard", "paper"), "standard", "paper: 128 windows of 512 characters, in sample"
        ),
        **_COMPUTED,
    },
    "ablation": {
        "strategies": _some(
            STRATEGIES,
            ["update_linearity", "stream_linearity", "block_influence", "single_damage"],
            f"how blocks are ordered; also {', '.join(STRATEGY_ALIASES)}, or all",
        ),
        "actions": _some(ACTIONS, ["drop", "linear"], "what is done to a block"),
        "fitting": _some(FITTINGS, ["one_shot"], "how maps are fitted"),
        "changed": _whole(10, "curves go from 1 to this many changed blocks"),
        "interaction": _whole(8, "how many of the mildest blocks are paired; 0 for no map"),
        "random_seeds": _whole(5, "random orders drawn as a band"),
        **_SAMPLING,
    },
    "plan": {
        **_PLAN,
        "split": _choice(SPLITS, "select", "report opens split B; openings are counted"),
        "fidelity": _choice(FIDELITIES, "full", "preview measures on 512 tokens"),
        **_SAMPLING,
    },
    "answers": {
        **_PLAN,
        "healed": _HEALED,
        "prompts": _whole(200, "how many prompts are taken from the dataset"),
        "prompt_tokens": _whole(32, "length of a prompt cut from a plain text"),
        "new_tokens": _whole(32, "longest answer, in tokens"),
        "canaries": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["prompt"],
                "properties": {
                    "prompt": {"type": "string"},
                    "must_say": {"type": "array", "items": {"type": "string"}},
                    "must_not_say": {"type": "array", "items": {"type": "string"}},
                },
            },
            "default": [],
            "description": "your own prompts and what their answers must or must not hold",
        },
        **_SAMPLING,
        "template": _choice(ANSWER_TEMPLATES, "auto", "whether prompts get the chat template"),
    },
    "export": {
        **_PLAN,
        "healed": _HEALED,
        "max_shard_bytes": _whole(USUAL_SHARD_BYTES, "largest weight file"),
        **_SAMPLING,
    },
    "passage": {
        "text": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_TEXT,
            "description": f"the passage, at most {MOST_TOKENS} tokens of the model",
        },
        **_FITTED_ON,
        **_COMPUTED,
    },
    "heal": {
        **_PLAN,
        "healed": _HEALED,
        "train": _choice(("auto", *TRAINED), "auto", "what is trained: maps, if there are any"),
        "objective": _choice(
            OBJECTIVES, "distil", "text: the same fine-tune of the dense and the changed model"
        ),
        "steps": _whole(200, "steps of the optimiser"),
        "learning_rate": {
            "type": ["number", "string"],
            "default": "auto",
            "description": "highest learning rate: "
            + ", ".join(f"{rate:g} for {train}" for train, rate in LEARNING_RATES.items()),
        },
        "batch": _whole(8, "windows of split F a step"),
        "alpha": {
            "type": "number",
            "default": 1.0,
            "description": "weight of the divergence of predictions beside the states",
        },
        "rank": _whole(8, "of the low-rank additions, with train=adapters"),
        "split": _choice(HEAL_SPLITS, "report", "report opens split B; openings are counted"),
        "sweep": {
            "type": ["array", "string", "integer"],
            "items": {"type": "integer"},
            "default": [],
            "description": "numbers of the plan's steps that are healed as well, or all",
        },
        **_SAMPLING,
    },
    "speed": {
        **_PLAN,
        "healed": _HEALED,
        "batches": {
            "type": "array",
            "items": {"type": "integer"},
            "default": list(DEFAULT_BATCHES),
            "description": "sequences side by side; each is measured",
        },
        "prompt_tokens": _whole("auto", "length of every prompt; the median of the records"),
        "new_tokens": _whole("auto", "length of every answer; the median of the records"),
        "pairs": _whole(FEWEST_PAIRS, "measurements of each side, by turns"),
        "warmup": _whole(2, "pairs before them that do not count"),
        "take": _whole(1, "another number measures the same question again"),
        **_SAMPLING,
    },
    "benchmark": {
        "questions": {
            "type": "string",
            "default": "",
            "description": "a dataset of multiple-choice questions: its id or fingerprint",
        },
        "tasks": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "tasks of lm-evaluation-harness by name; their questions come from "
            "the hub",
        },
        "few_shot": _whole(0, "answered questions that stand before each"),
        "limit": _whole(0, "so many questions of each task, its first; 0 takes all"),
        "ending": {
            "type": "string",
            "default": ANSWER_ENDING,
            "description": "what stands behind each of the own questions",
        },
        "chat": {
            "type": "boolean",
            "default": False,
            "description": "whether the chat template stands around the questions",
        },
        **_CHANGED,
    },
}
_OF_A_PLAN = ("plan", "answers", "export", "heal", "speed", "benchmark")
REQUIRED = {"passage": ["text"], **{kind: ["plan"] for kind in _OF_A_PLAN}}


def params_schema() -> Schema:
    """Return the schema of ``params``: that of one of the kinds."""
    return {
        "description": "parameters of the kind; what is not required has a default",
        "anyOf": [
            {
                "title": kind,
                "type": "object",
                "properties": properties,
                "required": REQUIRED.get(kind, []),
                "additionalProperties": False,
            }
            for kind, properties in PARAMETERS.items()
        ],
    }
