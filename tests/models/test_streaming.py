"""One block at a time: what is in memory when, and what happens when something goes wrong."""

from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from linearity.errors import NonFiniteStatesError, OutOfDeviceMemoryError, RunCancelledError
from linearity.measure.windows import Window
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel
from linearity.models.states import record_states
from linearity.models.streaming import StreamedStates

BLOCKS = 3
CPU = torch.device("cpu")


def quiet(_done: int, _total: int) -> None:
    """Nobody listens."""


class Shelf:
    """Weights on a shelf: notes what is taken from it and put back."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.kept = {name: p.detach().clone() for name, p in network.named_parameters()}
        self.out: set[str] = set()
        self.most: list[set[str]] = []
        self.fills = 0
        for name in self.kept:
            self._put(name, torch.full_like(self.kept[name], torch.nan))

    def read(self, names: Collection[str]) -> dict[str, Tensor]:
        return {name: self.kept[name] for name in names}

    def fill(self, numbers: Mapping[str, Tensor], check: Callable[[], None]) -> None:
        self.fills += 1
        for name, tensor in numbers.items():
            check()
            self._put(name, tensor)
        self.out |= set(numbers)
        self.most.append(set(self.out))

    def empty(self, names: Collection[str]) -> None:
        for name in names:
            self._put(name, torch.full_like(self.kept[name], torch.nan))
        self.out -= set(names)

    def _put(self, name: str, tensor: Tensor) -> None:
        path, _, attribute = name.rpartition(".")
        parameter = nn.Parameter(tensor, requires_grad=False)
        setattr(self.network.get_submodule(path), attribute, parameter)


class Memory:
    """Room in memory."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        self.taken += 1
        return torch.zeros(tuple(shape), dtype=dtype)


class Streamed:
    """A tiny model on a shelf, and the states that it has as a whole."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=96,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=BLOCKS,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            attn_implementation="sdpa",
        )
        self.network = LlamaForCausalLM(config).eval()
        self.layout = find_layout(self.network)
        ids = torch.Generator().manual_seed(1)
        lengths, roles = (6, 3, 9, 9), ("train", "heldout", "validation", "heldout")
        self.windows = [
            Window(k, 0, tuple(torch.randint(96, (n,), generator=ids).tolist()), role)  # type: ignore[arg-type]
            for k, (n, role) in enumerate(zip(lengths, roles, strict=True))
        ]
        self.batches = [self.windows[:2], self.windows[2:]]
        whole = LoadedModel(self.layout, 16, CPU, lambda _: [], None)
        self.expected = [record_states(whole, [w.ids for w in batch]) for batch in self.batches]
        self.shelf, self.room = Shelf(self.network), Memory()
        self.source = StreamedStates(self.network, self.layout, CPU, self.shelf, self.room)


@pytest.fixture
def streamed() -> Streamed:
    return Streamed()


def test_states_are_those_of_the_whole_model_and_heldout_ones_are_not_copied(
    streamed: Streamed,
) -> None:
    batches = list(streamed.source.stream(streamed.batches, ahead=quiet))

    for batch, expected in zip(batches, streamed.expected, strict=True):
        assert torch.equal(batch.states, expected)
    assert torch.equal(batches[0].heldout, streamed.expected[0][6:])
    assert torch.equal(batches[1].heldout, streamed.expected[1][9:])
    places = {batch.heldout.untyped_storage().data_ptr() for batch in batches}
    assert len(places) == 1
    assert streamed.room.taken == 1


def test_never_more_than_one_block_is_in_memory_and_the_head_never(streamed: Streamed) -> None:
    list(streamed.source.stream(streamed.batches, ahead=quiet))

    first, *later = streamed.shelf.most
    assert first == {"model.embed_tokens.weight", "model.norm.weight"}
    for index, names in enumerate(later):
        of_block = {name for name in streamed.shelf.kept if f"layers.{index}." in name}
        assert names == of_block | {"model.norm.weight"}
    assert streamed.shelf.out == set()


def test_the_same_batches_are_read_again_and_others_are_computed(streamed: Streamed) -> None:
    once = list(streamed.source.stream(streamed.batches, ahead=quiet))
    again = list(streamed.source.stream(streamed.batches, ahead=quiet))
    assert streamed.shelf.fills == BLOCKS + 1
    assert all(torch.equal(a.states, b.states) for a, b in zip(once, again, strict=True))

    (other,) = streamed.source.stream([streamed.windows], ahead=quiet)
    assert streamed.shelf.fills == 2 * (BLOCKS + 1)
    torch.testing.assert_close(other.states, torch.cat(streamed.expected))


def test_it_says_how_many_tokens_went_through_blocks_and_stops_when_told(
    streamed: Streamed,
) -> None:
    heard: list[tuple[int, int]] = []
    tokens = sum(len(window.ids) for window in streamed.windows)

    def ahead(done: int, total: int) -> None:
        heard.append((done, total))
        if done >= tokens + 9:
            raise RunCancelledError("stopped by the test")

    with pytest.raises(RunCancelledError):
        next(iter(streamed.source.stream(streamed.batches, ahead=ahead)))

    assert heard == sorted(heard)
    assert heard[0] == (0, tokens * BLOCKS)
    assert heard[-1] == (tokens + 9, tokens * BLOCKS)
    assert not any("forward" in vars(block) for block in streamed.layout.blocks)


def test_a_block_that_breaks_is_named(streamed: Streamed) -> None:
    name = "model.layers.1.mlp.down_proj.weight"
    streamed.shelf.kept[name] = torch.full_like(streamed.shelf.kept[name], torch.inf)

    with pytest.raises(NonFiniteStatesError, match=r"state 2 .* block 1 produced it"):
        list(streamed.source.stream(streamed.batches, ahead=quiet))


def test_a_batch_that_does_not_fit_is_halved_until_a_single_window_does_not_fit(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, most = streamed.source._forward, 1

    def tight(index: int | None, windows: Sequence[Window], entering: Tensor | None) -> Tensor:
        if len(windows) > most:
            raise torch.OutOfMemoryError("too many windows, says the test")
        return forward(index, windows, entering)

    monkeypatch.setattr(streamed.source, "_forward", tight)
    halved = list(streamed.source.stream(streamed.batches, ahead=quiet))
    for batch, expected in zip(halved, streamed.expected, strict=True):
        torch.testing.assert_close(batch.states, expected)

    most = 0
    with pytest.raises(OutOfDeviceMemoryError, match="beside one block"):
        list(streamed.source.stream([streamed.windows], ahead=quiet))
