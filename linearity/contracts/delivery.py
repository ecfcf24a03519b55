"""What goes with an exported folder: how to load, serve and test it, and where it is known to run.

Only what was tried is called proven. A stock architecture is one that other programs know by name;
whether they take this cut of it was not tried, and that is what stands here.
"""

from dataclasses import dataclass

PROVEN, NOT_TESTED, NO = "proven", "not_tested", "no"
PROGRAMS = ("transformers", "vllm", "sglang", "llama.cpp")


@dataclass(frozen=True)
class Command:
    """A line to copy.

    Parameters
    ----------
    purpose : "load" | "serve" | "evaluate" | "measure"
    program : str
        "transformers", "vllm", "lm_eval" or "linearscope".
    text : str
        Run beside the folder.
    """

    purpose: str
    program: str
    text: str


@dataclass(frozen=True)
class RunsIn:
    """What is known of a program and this folder.

    Parameters
    ----------
    program : str
        One of `PROGRAMS`.
    status : "proven" | "not_tested" | "no"
    reason : str
        A word: ``fresh_process`` (it was loaded and compared), ``package`` (the same, with the
        package `linearity`), ``stock`` (an architecture of transformers' own), ``uneven``
        (stock, but blocks differ, and programs that expect the published pattern read the rest by
        another rule), ``own_code`` (only by running the code that lies in the folder),
        ``own_architecture``, ``no_gguf`` (a GGUF file is another format).
    version : str or None
        Of the program that it was proven in.
    """

    program: str
    status: str
    reason: str
    version: str | None = None


@dataclass(frozen=True)
class RenumberedAdapter:
    """A LoRA adapter of the dense model, written anew for the folder.

    Parameters
    ----------
    name : str
        Of the adapter's own folder.
    kept, left_out : list of int
        Dense blocks that it has parts of: those that still run, and those that do not.
    merged : list of int
        Of the kept ones, those whose down projection carries a map that it was not trained with.
    """

    name: str
    kept: list[int]
    left_out: list[int]
    merged: list[int]


@dataclass(frozen=True)
class Delivery:
    """What goes with the weights.

    Parameters
    ----------
    name : str
        Of the folder.
    licence : str or None
        What the dense model's own card or package names; None is unknown, not free.
    copied : list of str
        Files of the dense model that lie in the folder byte for byte.
    commands : list of Command
    runs_in : list of RunsIn
    adapters : list of RenumberedAdapter
        Written beside the folder.
    """

    name: str
    licence: str | None
    copied: list[str]
    commands: list[Command]
    runs_in: list[RunsIn]
    adapters: list[RenumberedAdapter]
