import torch

from linearity.measure.tokens import StreamGuard, TokenTable, angular, cosines


def a_table(norms: list[list[float]], position: list[int]) -> TokenTable:
    N, S = len(norms), len(norms[0])
    zeros = torch.zeros((N, S - 1), dtype=torch.float64)
    return TokenTable(
        document=torch.zeros(N, dtype=torch.int64),
        position=torch.tensor(position),
        heldout=torch.zeros(N, dtype=torch.bool),
        scored=torch.ones(N, dtype=torch.bool),
        norms=torch.tensor(norms, dtype=torch.float64),
        update_norms=zeros,
        cosine_next=zeros,
    )


def test_a_sink_exceeds_thirty_medians_of_the_other_tokens_in_any_state() -> None:
    table = a_table([[9e4, 1], [1, 1], [1, 31], [2, 1], [1, 29]], position=[0, 1, 2, 3, 4])

    assert table.sinks().tolist() == [False, False, True, False, False]
    assert table.first.tolist() == [True, False, False, False, False]


def test_long_tokens_are_held_apart_long_before_they_count_as_sinks() -> None:
    table = a_table([[500.0], [1.0], [1.0], [11.0], [9.0]], position=[0, 1, 2, 3, 4])

    assert StreamGuard.of(table).apart(table).tolist() == [True, False, False, True, False]


def test_cosines_and_angles_of_known_directions() -> None:
    states = torch.tensor([[[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [1.0, 1.0]]], dtype=torch.float64)
    cosine = cosines(states)[0]

    assert torch.allclose(cosine[0], torch.tensor([1, 0, -1, 0.5**0.5], dtype=torch.float64))
    assert torch.allclose(
        angular(cosine[0]), torch.tensor([0, 0.5, 1, 0.25], dtype=torch.float64), atol=1e-7
    )


def test_a_state_of_length_zero_has_cosine_zero() -> None:
    states = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)

    assert cosines(states)[0].tolist() == [[0.0, 0.0], [0.0, 1.0]]
