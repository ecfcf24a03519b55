"""A model in memory as lm-evaluation-harness knows models: texts in, log-likelihoods out.

The only file that imports lm-eval when it is imported; `linearity.adapters.harness` does so on use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.model import TemplateLM

from linearity.contracts.inputs import Message
from linearity.errors import InvalidParameterError, NotYetError, RejectedInputError
from linearity.models.loaded import Conversation, LoadedModel
from linearity.studies.benchmark import Scorer

_MARK = "\u0002linearscope-chat-{}\u0003"
"""Stands in a prompt for a conversation until all of them are rendered together."""


@dataclass(frozen=True)
class _Request:
    """What the harness's own code reads of a request."""

    args: tuple[str, str]


class HarnessModel(TemplateLM):  # type: ignore[misc]  # lm-eval has no types
    """A `LoadedModel`, dense or changed; the harness's own base class cuts texts into tokens.

    Parameters
    ----------
    model : LoadedModel
    score : Scorer
    """

    def __init__(self, model: LoadedModel, score: Scorer) -> None:
        super().__init__()
        self._model, self._score = model, score
        self._conversations: list[Conversation] = []

    @property
    def eot_token_id(self) -> int:
        """What an empty context is replaced by: BOS, or what ends a text."""
        bos = self._model.bos
        return bos if bos is not None else next(iter(self._model.stops), 0)

    @property
    def tokenizer_name(self) -> str:
        """Not used: requests are not cached."""
        return ""

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: object
    ) -> list[int]:
        """Return token ids, with BOS in front where the tokenizer puts it there by itself."""
        bos = self._model.bos
        ids = self._model.tokenize(string)
        wants_bos = bos is not None and add_special_tokens is not False
        # A chat template writes BOS itself.
        return [bos, *ids] if bos is not None and wants_bos and ids[:1] != [bos] else ids

    def apply_chat_template(
        self, chat_history: Sequence[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return a mark in place of a conversation; they are rendered together, in a child."""
        if not add_generation_prompt:
            raise NotYetError(
                "a task that begins the answer itself does not run with a chat template yet",
                next_step="Use chat=false.",
            )
        turns = tuple(Message(turn["role"], turn["content"]) for turn in chat_history)
        self._conversations.append(turns)
        return _MARK.format(len(self._conversations) - 1)

    def loglikelihood(
        self, requests: Sequence[Any], disable_tqdm: bool = True
    ) -> list[tuple[float, bool]]:
        """Return log-likelihoods of continuations, conversations rendered first."""
        rendered = self._rendered()
        texts = [
            _Request((rendered.get(request.args[0], request.args[0]), request.args[1]))
            for request in requests
        ]
        answers: list[tuple[float, bool]] = super().loglikelihood(texts, disable_tqdm=True)
        return answers

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **_: object
    ) -> list[tuple[float, bool]]:
        scored = self._score([(context, continuation) for _, context, continuation in requests])
        return [(item.loglikelihood, item.is_greedy) for item in scored]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> Any:
        """Refuse: perplexity is what the kind `plan` measures."""
        raise NotImplementedError

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> Any:
        """Refuse: free answers are what the kind `answers` measures."""
        raise NotImplementedError

    def _rendered(self) -> dict[str, str]:
        if not self._conversations:
            return {}
        if self._model.template is None:
            raise InvalidParameterError(
                "chat", wanted="false: this model has no chat template", got=True
            )
        texts = self._model.template.asked(self._conversations)
        if None in texts:
            raise RejectedInputError(
                f"the chat template of this model does not take {texts.count(None):,} of "
                f"{len(texts):,} questions",
                reason="bad_template",
                next_step="Use chat=false.",
            )
        return {_MARK.format(k): str(text) for k, text in enumerate(texts)}
