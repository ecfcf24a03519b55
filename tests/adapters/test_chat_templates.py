"""Chat templates, rendered in the limited child: equal to the library's, and harmless."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from linearity.adapters import chat_templates
from linearity.adapters.chat_templates import SandboxedTemplate
from linearity.adapters.limited import Limits, call_limited
from linearity.contracts.inputs import Document, Message
from linearity.errors import RejectedInputError
from linearity.models.loaded import LoadedModel
from linearity.studies.scripts import RecordScripts

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TRIMMING = (
    "{{ bos_token }}{% for m in messages %}"
    "<start>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end>\n"
    "{% endfor %}{% if add_generation_prompt %}<start>model\n{% endif %}"
)
ALTERNATING = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %}"
    " {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
TEMPLATES = {"chatml": CHATML, "trimming": TRIMMING, "alternating": ALTERNATING}

USER, ANSWER = Message("user", "What is two and two?"), Message("assistant", "Four.")
CONVERSATIONS = [
    [USER],
    [USER, ANSWER],
    [USER, ANSWER, Message("user", "And in words?"), Message("assistant", " four \n")],
    [Message("user", "数は? {{ 7 * 7 }} <b>"), Message("assistant", "四十九です。")],
    [Message("user", "Four. Say: Four."), ANSWER],
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    """A tokenizer of nothing, for its library's way of rendering."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    words = WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, unk_token="<unk>")
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(words), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def template_of(text: str, **special: Any) -> SandboxedTemplate:
    return SandboxedTemplate("a model", text, {"bos_token": "<s>", "eos_token": "</s>", **special})


def by_library(
    tokenizer: PreTrainedTokenizerFast, text: str, messages: Sequence[Message], *, asks: bool
) -> str:
    turns = [{"role": message.role, "content": message.content} for message in messages]
    rendered = tokenizer.apply_chat_template(
        turns, chat_template=text, add_generation_prompt=asks, tokenize=False
    )
    assert isinstance(rendered, str)
    return rendered


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_question_is_rendered_as_the_library_does(
    name: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    text = TEMPLATES[name]
    asked = template_of(text).asked(CONVERSATIONS)

    assert asked == [by_library(tokenizer, text, given, asks=True) for given in CONVERSATIONS]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_record_is_rendered_as_the_library_does_and_its_answers_are_marked(
    name: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    text = TEMPLATES[name]
    scripts = template_of(text).scripts(CONVERSATIONS)

    for given, script in zip(CONVERSATIONS, scripts, strict=True):
        assert script is not None
        assert script.rendered
        assert script.text == by_library(tokenizer, text, given, asks=False)
        assert [stretch.text for stretch in script.stretches if stretch.scored] == [
            message.content.strip() for message in given if message.role == "assistant"
        ]


def test_words_of_the_question_are_not_taken_for_the_answer() -> None:
    (script,) = template_of(CHATML).scripts([CONVERSATIONS[-1]])
    assert script is not None
    before, answer, after = script.stretches

    assert before.text.endswith("Say: Four.<|im_end|>\n<|im_start|>assistant\n")
    assert (answer.text, answer.scored, after.text) == ("Four.", True, "<|im_end|>\n")


def test_a_template_that_rewrites_what_was_said_does_not_take_it() -> None:
    upper = CHATML.replace("m['content']", "m['content'] | upper")
    scripts = template_of(upper).scripts(
        [[USER, ANSWER], [Message("user", "A"), Message("assistant", "B")]]
    )

    assert scripts[0] is None
    assert scripts[1] is not None
    assert template_of("Hello!").asked([[USER]]) == [None]


def test_a_conversation_that_a_template_refuses_is_none_and_the_others_are_rendered() -> None:
    twice = [USER, USER, ANSWER]
    scripts = template_of(ALTERNATING).scripts([[USER, ANSWER], twice, [USER, ANSWER]])

    assert [script is None for script in scripts] == [False, True, False]


def test_many_conversations_are_rendered_in_batches_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat_templates, "MOST_CONVERSATIONS", 300)
    monkeypatch.setattr(chat_templates, "MOST_CHARACTERS", 10_000)
    calls: list[int] = []

    def counted(target: str, argument: Any, **more: Any) -> Any:
        calls.append(len(argument["conversations"]))
        return call_limited(target, argument, **more)

    monkeypatch.setattr(chat_templates, "call_limited", counted)
    sizes = [10] * 700 + [20_000, 10]
    asked = template_of("{{ messages[0].content }}").asked(
        [[Message("user", f"{k} " + "x" * size)] for k, size in enumerate(sizes)]
    )

    assert calls == [300, 300, 100, 1, 1]
    assert [str(text).split()[0] for text in asked] == [str(k) for k in range(702)]


def test_today_is_one_day_so_that_a_question_has_one_answer() -> None:
    dated = "{{ strftime_now('%Y-%m-%d') }} {{ messages[0].content }}"
    (text,) = template_of(dated).asked([[USER]])

    assert text == f"{date(2024, 7, 26)} {USER.content}"


HARMLESS = "{{ messages[0].content }}{{ messages[1].content }}"
HOSTILE = {
    "reaches for classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "reaches for globals": "{{ cycler.__init__.__globals__.os.system('touch escaped') }}",
    "reaches through a function": "{{ raise_exception.__globals__['os'].listdir('/') }}",
    "changes what it is given": "{{ messages.append(messages) }}",
    "includes a file": "{% include '/etc/passwd' %}",
    "imports a file": "{% import '/etc/passwd' as p %}",
    "calls itself without end": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "raises": "{{ raise_exception('no') }}",
    "writes a hundred megabytes": "{{ 'a' * 100000000 }}",
    "counts too far": "{% for i in range(10 ** 9) %}{% endfor %}",
    "writes half a character": "{{ '\\ud800' }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_takes_nothing_and_harms_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    template = template_of(HARMLESS + HOSTILE[name])

    assert template.scripts([[USER, ANSWER]]) == [None]
    assert template.asked([[USER, ANSWER]]) == [None]
    assert list(tmp_path.iterdir()) == []


def test_what_the_sandbox_hides_is_empty_text() -> None:
    hidden = "<{{ '{0.__class__.__init__}'.format(messages) }}{{ messages.__class__ }}>"

    assert template_of(HARMLESS + hidden).asked([[USER, ANSWER]]) == [
        f"{USER.content}{ANSWER.content}<>"
    ]


COUNTING = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
EXPLODING = {
    "memory_bytes": "{{ 'a' * 10 ** 10 }}",
    "cpu_seconds": COUNTING,
    "wall_seconds": COUNTING,
}


@pytest.mark.parametrize("limited", EXPLODING)
def test_a_template_beyond_a_limit_is_refused_with_the_limit(
    limited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu, wall = (60, 2.0) if limited == "wall_seconds" else (2, 60.0)
    limits = Limits(memory_bytes=1 << 30, cpu_seconds=cpu, wall_seconds=wall, file_bytes=1 << 20)
    monkeypatch.setattr(chat_templates, "LIMITS", limits)

    with pytest.raises(RejectedInputError, match=r"the chat template of a model needs") as caught:
        template_of(EXPLODING[limited]).scripts([[USER, ANSWER]])
    assert caught.value.data["reason"] == "bad_template"
    assert caught.value.data["limited"] == limited
    assert caught.value.next_step == "Use template=none."


def test_a_template_that_cannot_be_read_says_where() -> None:
    with pytest.raises(RejectedInputError, match=r"cannot be read \(.*'bad'.*, line 2\)") as caught:
        template_of("fine\n{% bad %}").asked([[USER]])
    assert caught.value.data["reason"] == "bad_template"


def records(*questions: str) -> list[Document]:
    return [Document.asked(question, "An answer.") for question in questions]


def test_a_template_that_takes_no_conversation_of_a_dataset_is_refused(glass: LoadedModel) -> None:
    model = replace(glass, template=template_of("{{ raise_exception('no') }}"))
    scripts = RecordScripts(
        model, records("Who is Alice?", "Who is Bob?"), template="auto", score="answer"
    )

    with pytest.raises(RejectedInputError, match="takes none of 2 conversations") as caught:
        scripts([0, 1])
    assert caught.value.data["reason"] == "bad_template"
    assert "Alice" not in str(caught.value.as_json())
