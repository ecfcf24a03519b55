"""Opening a tokenizer with the library; needs no torch, so that a limited child can do it too."""

from pathlib import Path
from typing import TYPE_CHECKING

from linearity.errors import RejectedInputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def open_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Return the tokenizer of a folder, exactly as ``tokenizer.json`` spells it.

    Classes that other files name are not looked up: some build another tokenizer from the same
    vocabulary.

    Raises
    ------
    RejectedInputError
        If it cannot be opened and used.
    """
    from transformers import PreTrainedTokenizerFast

    try:
        tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        tokenizer("a")
    except Exception as error:  # a broken file raises whatever its reader stumbles over
        raise RejectedInputError(
            f"the tokenizer cannot be read ({type(error).__name__})",
            reason="bad_tokenizer",
            next_step="Save it again with tokenizer.save_pretrained(...).",
        ) from error
    return tokenizer
