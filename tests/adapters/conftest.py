"""A real queue server for the adapters that talk to one."""

from collections.abc import Iterator

import pytest

from linearity.adapters.live import Live
from tests.servers import running_valkey


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running_valkey(tmp_path_factory.mktemp("valkey")) as server:
        live = Live(server.url, server.url)
        yield live
        live.close()
