"""Nothing stays behind for which no row ever came, or that came to be while it was deleted."""

import os
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.dependents import freed_bytes
from backend.negotiation import compress
from backend.submissions import ask, submit
from backend.sweeping import Sweeper
from linearity.adapters.settings import Settings
from linearity.adapters.state import RunRow
from linearity.adapters.state_removals import InputName
from linearity.contracts.kept import KeptObject
from tests.backend.builders import A_RUN, a_finished_run, a_running_run, current, ready_inputs
from tests.backend.working import works_here
from workers.registration import inspect
from workers.tasks import register_input
from workers.workplace import open_workplace

TEXT = "the heron of Leftover Lane stands on one leg"


def sweep(services: Services) -> int:
    return Sweeper(services.state, services.store, services.results, young_seconds=0).run_once()


def objects(services: Services) -> set[str]:
    return {path.name for path in (services.store.root / "objects").rglob("*") if path.is_file()}


def test_what_a_worker_stored_before_it_died_goes(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    works_here(settings, monkeypatch)
    with open_workplace() as place:
        place.store.put(TEXT.encode())  # and here the process is killed

    assert sweep(services) == 1
    assert objects(services) == set()


def test_what_a_worker_stored_and_a_row_names_stays(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings.model_roots[0] / "mine.txt"
    path.write_text(TEXT)
    row, _ = services.state.add_input(
        "dataset", id="mine", name="Mine", source="path", reference=str(path)
    )
    works_here(settings, monkeypatch)
    register_input("dataset", row.id, row.attempt)
    stored = objects(services)

    assert len(stored) == 1
    assert (sweep(services), objects(services)) == (0, stored)
    assert services.state.removals() == []


def test_what_a_worker_stored_for_an_input_deleted_meanwhile_goes(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings.model_roots[0] / "mine.txt"
    path.write_text(TEXT)
    row, _ = services.state.add_input(
        "dataset", id="mine", name="Mine", source="path", reference=str(path)
    )

    def inspect_and_be_overtaken(*arguments: Any, **more: Any) -> dict[str, Any]:
        record = inspect(*arguments, **more)
        services.state.forget([InputName("dataset", row.id)])
        return record

    works_here(settings, monkeypatch)
    monkeypatch.setattr("workers.tasks.inspect", inspect_and_be_overtaken)
    register_input("dataset", row.id, row.attempt)

    assert len(objects(services)) == 1
    assert sweep(services) == 1
    assert objects(services) == set()


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_a_result_deleted_while_somebody_reads_it_leaves_no_spelling(
    services: Services, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    run = a_finished_run(services)
    assert run.result

    def compress_and_be_overtaken(encoding: str, data: bytes) -> bytes:
        services.state.delete_run(run.id)
        services.results.forget(str(run.result))
        return compress(encoding, data)

    monkeypatch.setattr("backend.results.compress", compress_and_be_overtaken)
    services.results.read(run.result, encoding)

    assert objects(services) == set()
    assert services.live.cache_get(f"{run.result}:{encoding}") is None


def test_bytes_stored_anew_between_look_and_removal_are_put_back(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = services.store.put(TEXT.encode())
    os.utime(services.store.path(sha256), (1, 1))
    services.state.add_removals([sha256])
    look = services.state.named_objects

    def look_and_be_overtaken() -> set[str]:
        found = look()
        # Others store the same bytes just now; the second of them may get the inode of the first.
        for _ in range(2):
            services.store.put(TEXT.encode())
        return found

    monkeypatch.setattr(services.state, "named_objects", look_and_be_overtaken)

    assert sweep(services) == 0
    assert services.store.get(sha256) == TEXT.encode()
    assert services.state.removals() == [sha256]


def test_a_damaged_result_goes_when_its_run_is_computed_again(services: Services) -> None:
    run = a_finished_run(services)
    model, dataset = ready_inputs(services)
    assert run.result
    damaged = services.store.path(run.result)
    damaged.chmod(0o644)
    damaged.write_bytes(TEXT.encode())

    again = services.state.reopen(run.id, model=model, dataset=dataset)

    assert again is not None
    assert sweep(services) == 1
    assert not damaged.exists()


def a_run_that_keeps(services: Services, kept: bytes) -> RunRow:
    """Finish a run that keeps an object beside its result."""
    run = a_running_run(services)
    named = KeptObject(services.store.put(kept), len(kept))
    result = services.store.put(b"{}")
    assert services.state.finish(run.id, run.attempt, result, 1.5, objects=[named])
    return current(services, run)


def test_what_a_run_keeps_beside_its_result_stays_as_long_as_the_run(
    services: Services, client: TestClient
) -> None:
    run = a_run_that_keeps(services, TEXT.encode())
    services.state.add_removals(run.named)  # as a worker notes whatever it stores

    assert (sweep(services), objects(services)) == (0, run.named)
    assert client.delete(f"/api/v1/runs/{run.id}").status_code == 204
    sweep(services)
    assert objects(services) == set()


def test_what_a_run_keeps_is_counted_among_what_goes_with_it(services: Services) -> None:
    run = a_run_that_keeps(services, TEXT.encode())

    assert freed_bytes(services, [], [run]) == len(TEXT) + len("{}")


def test_what_a_run_kept_goes_when_it_is_computed_again(services: Services) -> None:
    run = a_run_that_keeps(services, TEXT.encode())
    model, dataset = ready_inputs(services)

    again = services.state.reopen(run.id, model=model, dataset=dataset)

    assert again
    assert again.objects is None
    sweep(services)
    assert objects(services) == set()


def test_a_run_that_lost_what_it_kept_is_computed_again(services: Services) -> None:
    run = a_run_that_keeps(services, TEXT.encode())
    assert run.objects
    question = ask(A_RUN, state=services.state, store=services.store)
    doors: dict[str, Any] = {
        "state": services.state,
        "queue": services.queue,
        "live": services.live,
        "store": services.store,
    }
    assert question.request.run_id == run.id
    assert submit(question, **doors).finished

    services.store.delete(run.objects[0]["sha256"])

    assert not submit(question, **doors).finished
