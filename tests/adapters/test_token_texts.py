"""Japanese text is shown right, token by token and cut anywhere: never as broken signs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from linearity.adapters.hugging_face import assembled
from linearity.adapters.inputs import prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.adapters.token_texts import detokenizer, shower, token_text
from linearity.adapters.tokenizer_library import open_tokenizer
from linearity.contracts.byte_texts import REPLACEMENT, text_of_bytes, without_bytes
from linearity.models.loaded import LoadedModel
from tests.conftest import quiet

JAPANESE = "日本語のテキスト、カタカナ。１２３４５と「かぎ括弧」、髙橋さんの🍣。"


@pytest.fixture(scope="module")
def bytewise() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer without a single merge: every byte is a token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={sign: k for k, sign in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("あ".encode(), "あ"),
        (b"\xe3\x81", "⟨E3 81⟩"),
        (b"\x82a\xe3", "⟨82⟩a⟨E3⟩"),
        (b"\xff\xfe", "⟨FF FE⟩"),
        (REPLACEMENT.encode(), REPLACEMENT),  # the sign itself, when it stands in the text
        (b"", ""),
    ],
)
def test_parts_of_characters_are_shown_as_their_bytes(data: bytes, shown: str) -> None:
    assert text_of_bytes(data) == shown


def test_ends_of_a_prompt_lose_parts_of_characters_only() -> None:
    assert without_bytes("⟨82⟩日本⟨E3 81⟩") == "日本"
    assert without_bytes("a ⟨note⟩") == "a ⟨note⟩"


def test_every_token_of_a_bytewise_tokenizer_has_a_name(bytewise: PreTrainedTokenizerFast) -> None:
    ids = bytewise("あ b")["input_ids"]

    assert [token_text(bytewise)(one) for one in ids] == ["⟨E3⟩", "⟨81⟩", "⟨82⟩", " ", "b"]
    assert shower(bytewise)(ids) == "あ b"
    assert shower(bytewise)(ids[:2]) == "⟨E3 81⟩"
    assert shower(bytewise)(ids[1:]) == "⟨81 82⟩ b"
    assert detokenizer(bytewise)(ids[:2]) == REPLACEMENT  # what a model is given stays as it was


@given(text=st.text(max_size=30), cut=st.integers(0, 60))
def test_a_cut_never_shows_a_broken_sign(
    bytewise: PreTrainedTokenizerFast, text: str, cut: int
) -> None:
    text = text.replace(REPLACEMENT, "").encode(errors="ignore").decode()
    ids = bytewise(text)["input_ids"]
    show = shower(bytewise)

    assert show(ids) == text
    assert REPLACEMENT not in show(ids[:cut]) + show(ids[cut:])


def test_special_tokens_stand_between_broken_bytes(bytewise: PreTrainedTokenizerFast) -> None:
    ids = [*bytewise("あ")["input_ids"][:2], bytewise.eos_token_id]

    assert shower(bytewise)(ids) == "⟨E3 81⟩<|end|>"


def check(ids: list[int], text: str, model: LoadedModel) -> None:
    assert model.show(ids) == text
    for start in range(len(ids)):
        assert REPLACEMENT not in model.show(ids[start:])
        assert REPLACEMENT not in model.show(ids[:start])
    shown = [model.token_text(one) for one in ids]
    assert REPLACEMENT not in "".join(shown)
    assert bytes_of("".join(shown)) == text.encode()


def bytes_of(shown: str) -> bytes:
    """Read shown tokens back: texts as UTF-8, bytes as themselves."""
    data = b""
    for piece in shown.replace("⟨", "\x00⟨").replace("⟩", "\x00").split("\x00"):
        data += bytes.fromhex(piece[1:]) if piece.startswith("⟨") else piece.encode()
    return data


def test_the_small_model_shows_what_it_was_given(glass: LoadedModel) -> None:
    text = "The cat sat on the mat — twice."

    check(glass.tokenize(text), text, glass)


@pytest.fixture(scope="module")
def smollm2(small_store: ArtifactStore) -> Iterator[Path]:
    record = prepare_model("smollm2", store=small_store, roots=None, log=quiet)
    with assembled(record.files, small_store) as folder:
        yield folder


@pytest.mark.slow
def test_a_real_byte_level_tokenizer_shows_japanese(smollm2: Path) -> None:
    tokenizer = open_tokenizer(smollm2)
    show, text_of = shower(tokenizer), token_text(tokenizer)
    ids = tokenizer(JAPANESE, add_special_tokens=False)["input_ids"]
    shown = [text_of(one) for one in ids]

    assert show(ids) == JAPANESE
    assert any("⟨" in text for text in shown)  # it does cut characters
    assert REPLACEMENT not in "".join(shown)
    assert bytes_of("".join(shown)) == JAPANESE.encode()
    assert all(REPLACEMENT not in show(ids[:k]) + show(ids[k:]) for k in range(len(ids)))
