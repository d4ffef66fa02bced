"""The store: frozen state, silent when equal, one thread."""

from __future__ import annotations

import threading

import pytest

from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.store import AppState, Store


def test_a_listener_hears_the_state_at_once_and_each_change_once() -> None:
    store, heard = Store(), []
    end = store.subscribe(lambda state: heard.append(state.engine.phase))
    store.update(engine=EngineSnapshot(phase=EnginePhase.READY))
    store.update(engine=EngineSnapshot(phase=EnginePhase.READY))
    end()
    end()
    store.update(engine=EngineSnapshot(phase=EnginePhase.FAILED))
    assert heard == [EnginePhase.ABSENT, EnginePhase.READY]


def test_a_foreign_thread_may_not_write() -> None:
    store, errors = Store(), []

    def write() -> None:
        try:
            store.update(active_conversation=7)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert store.state == AppState()


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(TypeError):
        Store().update(engin=None)
