"""One installation for the whole folder, with glass-en and python-docs registered by a worker."""

from collections.abc import Iterator

import pytest

from linearity.adapters.naming import name_input
from linearity.adapters.state import InputRow
from linearity.contracts.runs import InputState
from tests.servers import eventually
from tests.system.house import House, open_house, tidied


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation whose inputs a real worker has registered; that worker has left."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        for kind, name in (("model", "glass-en"), ("dataset", "python-docs")):
            named = name_input(kind, name)
            row, _ = house.state.add_input(
                kind, id=named.id, name=named.name, source=named.source, reference=named.reference
            )
            house.queue.enqueue_registration(row)
        worker = house.start_worker()
        eventually(
            lambda: all(get_input(house, kind).state != "inspecting" for kind in KINDS), seconds=120
        )
        worker.terminate()
        worker.wait(20)
        house.workers.clear()  # the first worker of a test is its own
        yield house


@pytest.fixture
def house(furnished: House) -> Iterator[House]:
    """The installation with a tidying reconciler and no worker; queue and runs are its own."""
    with tidied(furnished):
        yield furnished
    for worker in furnished.workers:
        worker.kill()
        worker.wait()
    furnished.workers.clear()
    for row in furnished.state.open_runs():
        furnished.state.cancel(row.id)
    furnished.live.redis.flushall()


@pytest.fixture
def model(furnished: House) -> InputRow:
    return get_input(furnished, "model")


@pytest.fixture
def dataset(furnished: House) -> InputRow:
    return get_input(furnished, "dataset")


KINDS = ("model", "dataset")


def get_input(house: House, kind: str) -> InputRow:
    rows = house.state.list_inputs(kind)
    assert rows[0].state is not InputState.REJECTED, rows[0].problem
    return rows[0]
