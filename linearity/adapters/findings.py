"""What an inspection finds: reasons to refuse a model, and warnings about one that is accepted."""

from dataclasses import asdict, dataclass, field

from linearity.contracts.canonical import Json
from linearity.errors import RejectedInputError

MOST_LISTED = 40
MOST_CHARACTERS = 300

NEXT_STEPS = {
    "file_missing": "A model folder needs config.json, tokenizer.json and safetensors.",
    "file_too_large": "Check the file against the model's original.",
    "bad_json": "Check the file against the model's original.",
    "file_changed": "Wait until nobody writes to the folder, then register the model again.",
    "pickle_only": "Convert where you trust the file: "
    "AutoModelForCausalLM.from_pretrained(old).save_pretrained(new).",
    "not_safetensors": "Save the model with save_pretrained(..., safe_serialization=True).",
    "bad_header": "Save the model with save_pretrained(..., safe_serialization=True).",
    "unsupported_dtype": "Analyse the 16-bit original of a quantised checkpoint.",
    "bad_index": "Export the whole checkpoint again; shards are called "
    "model-00001-of-00002.safetensors.",
    "forbidden_config_key": "Remote code, quantised weights and chosen kernels are refused. "
    "Remove the key, or analyse the 16-bit original.",
    "bad_config": "Check config.json against the model's original.",
    "unsupported_architecture": "Take a model of one of these families; docs/science.md lists what "
    "is measured with each. Of another causal model that transformers knows, name the list of "
    "blocks and the final norm by path (--blocks model.layers --norm model.norm): its linearity "
    "can be measured.",
    "bad_layout": "Name the list of blocks and the final norm as print(model) shows them.",
    "missing_weights": "Export the whole checkpoint again; a missing block would be filled with "
    "random numbers.",
    "unexpected_weights": "Export the whole checkpoint again, with the config.json that belongs "
    "to it.",
    "mismatched_weights": "Export the whole checkpoint again, with the config.json that belongs "
    "to it.",
    "non_finite_weights": "Export the checkpoint again from a healthy training state.",
    "bad_tokenizer": "Save it again with tokenizer.save_pretrained(...).",
    "slow_tokenizer": "Save it again with tokenizer.save_pretrained(...).",
    "tokenizer_mismatch": "Put the tokenizer that belongs to this model into its folder.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Parameters
    ----------
    code : str
        Stable name of the kind of trouble.
    message : str
        One sentence that names the file.
    file, field : str or None
        Where: the file, and the field or tensor in it.
    limit, actual : Json
        What is allowed and what was found, where a number says it.
    """

    code: str
    message: str
    file: str | None = None
    field: str | None = None
    limit: Json = None
    actual: Json = None


@dataclass
class Findings:
    """Collects everything that is wrong, so that people need not mend a model error by error."""

    reasons: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def refuse(
        self,
        code: str,
        message: str,
        *,
        file: str | None = None,
        field: str | None = None,
        bounds: tuple[Json, Json] = (None, None),
    ) -> None:
        """Note a reason to refuse; `bounds` are the limit and what was found instead."""
        shown, where = message[:MOST_CHARACTERS], None if field is None else field[:MOST_CHARACTERS]
        limit, actual = map(_plain, bounds)
        self.reasons.append(Finding(code, shown, file, where, limit, actual))

    def warn(self, message: str) -> None:
        """Note what people should know about a model that is accepted."""
        self.warnings.append(message[:MOST_CHARACTERS])

    def reject_if_any(self) -> None:
        """Refuse the model if there is a reason.

        Raises
        ------
        RejectedInputError
            With the first reason as its message and all of them in ``data["reasons"]``.
        """
        if not self.reasons:
            return
        first = self.reasons[0]
        more = len(self.reasons) - 1
        facts = {key: value for key, value in asdict(first).items() if value is not None}
        del facts["code"], facts["message"]
        raise RejectedInputError(
            first.message + (f" (and {more} more)" if more else ""),
            reason=first.code,
            next_step=NEXT_STEPS[first.code],
            **facts,
            reasons=[asdict(finding) for finding in self.reasons[:MOST_LISTED]],
        )


def _plain(value: Json) -> Json:
    """Return numbers beyond what every JSON reader takes as text."""
    return str(value)[:40] if isinstance(value, int) and abs(value) >= 2**53 else value
