"""The clients of `make bench`: each answers, so that a change of the app can't break the measuring unseen."""

from __future__ import annotations

from tests.bench import token_cpu


def test_each_client_measures() -> None:
    with token_cpu.clients() as clients:
        assert set(clients) == set(token_cpu.CLIENTS)
        for name, child in clients.items():
            first = token_cpu.order(child, "ttft", 0, 2)["ttft_ms"]
            assert len(first) == 2 and min(first) > 0, name
            assert token_cpu.order(child, "cpu", 0, 200)["cpu_us_per_token"] > 0, name
