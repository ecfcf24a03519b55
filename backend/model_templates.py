"""Letting the chat template of an uploaded model or a local folder be rendered, or not any more."""

import contextlib
import logging
from collections.abc import Mapping

from redis.exceptions import RedisError

from backend.dependencies import Services
from backend.refusals import NotReadyError
from backend.registrations import find_input
from backend.strict_json import check_fields
from backend.visitors import Visitor
from linearity.adapters.state import InputRow
from linearity.contracts.canonical import Json
from linearity.contracts.templates import RENDERED_SOURCES
from linearity.errors import ConflictError

log = logging.getLogger("linearscope.web")


def allow_template(
    text: str, body: Mapping[str, Json], services: Services, visitor: Visitor
) -> InputRow:
    """Allow or forbid what `body` says, for the model that `text` names; saying it twice is fine.

    Raises
    ------
    UnknownInputError, InvalidRequestError
    NotReadyError
        Before a model is inspected nobody knows whether it has a template.
    ConflictError
        If there is nothing to allow.
    """
    check_fields(body, required={"allow": bool}, optional={})
    row = find_input(services.state, "model", text)
    _check_template(row)
    changed = services.state.allow_template(row.id, allowed=bool(body["allow"]))
    if changed is None:
        raise _not_ready(row)
    word = "allowed" if body["allow"] else "forbidden"
    log.info("the chat template of model %s was %s by %s", row.id, word, visitor.name)
    with contextlib.suppress(RedisError):
        services.live.announce_input(changed)
    return changed


def _check_template(row: InputRow) -> None:
    if row.source in RENDERED_SOURCES:
        raise ConflictError(
            "the chat templates of built-in models and of the hub are rendered unasked",
            next_step="Use template=none in a run that should do without.",
        )
    if row.record is None:
        raise _not_ready(row)
    if not row.record.get("has_template"):
        raise ConflictError(
            f"{row.name} has no chat template",
            next_step="A template lies in chat_template.jinja or tokenizer_config.json; a model "
            "that was registered before templates were kept has to be registered again.",
        )


def _not_ready(row: InputRow) -> NotReadyError:
    return NotReadyError(
        f"{row.name} is {row.state}", next_step="Wait until it is ready; see its state."
    )
