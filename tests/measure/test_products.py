"""Half-precision pairs carry float32 products; the tensor cores themselves: tests/gpu."""

import pytest
import torch

from linearity.measure.products import HIGHEST_POWER, Factors, halves


@pytest.mark.parametrize("power", [HIGHEST_POWER, 4, 0, -4])
def test_two_halves_hold_twenty_two_bits(power: int) -> None:
    values = torch.randn(10_000, generator=torch.Generator().manual_seed(0)).clamp(-4, 4) / 4
    values = values[values.abs() > 2.0**-8] * 2.0**power

    high, low = halves(values)

    error = (high.double() + low.double() - values.double()).abs() / values.abs()
    # The second half of small values is below what half precision resolves.
    assert float(error.max()) <= (2.0**-21 if power > 0 else 2.0**-11)
    assert torch.isfinite(high).all()


def test_three_products_of_halves_are_the_product_to_float32_accuracy() -> None:
    generator = torch.Generator().manual_seed(1)
    X, Y = (
        torch.randn(2048, 64, generator=generator) * torch.logspace(-2, 0, 64) * 2.0**12
        for _ in range(2)
    )

    (a, b), (c, d) = ([half.double() for half in halves(Z)] for Z in (X, Y))

    exact = X.double().T @ Y.double()
    assert float((a.T @ c + a.T @ d + b.T @ c - exact).norm() / exact.norm()) < 1e-6
    assert float((a.T @ c - exact).norm() / exact.norm()) > 1e-5, "one product would not do"


def test_without_tensor_cores_states_stay_as_they_are() -> None:
    states = torch.randn(8, 3, 16)

    factors = Factors.of(states)

    row = torch.ones(16, 32)
    factors.add_products(row, 1, 2)
    wanted = torch.cat([states[:, 1].T @ states[:, j] for j in (1, 2)], dim=1) + 1.0
    assert factors.high is states
    assert torch.allclose(row, wanted, atol=1e-5)
