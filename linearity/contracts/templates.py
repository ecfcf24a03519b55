"""Whose chat template may be rendered, and what may be asked of it.

A template is a program. It is only ever rendered in the sandbox and in a limited child; still,
those that people upload are left alone until an administrator says otherwise.
"""

from collections.abc import Mapping

from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import choice
from linearity.errors import InvalidParameterError

RENDERED_SOURCES = ("builtin", "hub")
"""Sources of models whose chat template is rendered without being asked."""
TEMPLATES = ("auto", "none")


def may_render(model: ModelRecord) -> bool:
    """Return whether the chat template of a model, if it has one, may be rendered."""
    return model.source in RENDERED_SOURCES or model.template_allowed


def parse_template(
    given: Mapping[str, Json], *, model: ModelRecord, known: tuple[str, ...] = TEMPLATES
) -> str:
    """Return the parameter ``template``; ``none`` is spelled out where nothing may be rendered.

    So the same files read with and without their template are two questions.

    Raises
    ------
    InvalidParameterError
        For another word, or a template that must be rendered and may not be.
    """
    template = choice("template", given.get("template", "auto"), known)
    if may_render(model) or template == "none":
        return template
    if template == "chat":
        raise InvalidParameterError(
            "template",
            wanted="auto or none: a template is a program, and that of an uploaded model or a "
            "local folder is not run until an administrator allows it",
            got=template,
        )
    return "none"
