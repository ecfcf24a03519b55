"""Files of a public or private hub model, pinned to a commit, through the hub's own client."""

from collections.abc import Callable
from pathlib import Path

from linearity.errors import UnknownInputError

ALLOWED_FILES = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "chat_template.jinja",
    "generation_config.json",
    "model.safetensors",
    "model-*.safetensors",
    "model.safetensors.index.json",
]


def download(reference: str, log: Callable[[str], None]) -> tuple[Path, str]:
    """Return the local snapshot folder and the commit of ``owner/name[@revision]``.

    A snapshot that is already in the hub's cache is used when the hub cannot be reached.

    Raises
    ------
    UnknownInputError
        If the model does not exist, is gated, or is neither reachable nor cached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, _, revision = reference.partition("@")
    log(f"fetching {reference}")
    try:
        folder = Path(
            snapshot_download(name, revision=revision or None, allow_patterns=ALLOWED_FILES)
        )
    except GatedRepoError as error:
        raise UnknownInputError(
            f"the model {name} is gated: its owner asks readers to accept a licence first",
            next_step="Accept it on the model's page, set HF_TOKEN for the worker, try again.",
            reason="gated",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UnknownInputError(
            f"the hub has no model {reference}",
            next_step="Check the spelling (owner/name) and the revision; private models need "
            "HF_TOKEN.",
            reason="not_on_hub",
        ) from error
    except (LocalEntryNotFoundError, OSError) as error:
        raise UnknownInputError(
            f"the hub cannot be reached and {reference} is not in the local cache",
            next_step="Connect this machine to the hub, or give a local folder.",
            reason="hub_unreachable",
        ) from error
    # The snapshot folder is named after the commit.
    return folder, folder.name
