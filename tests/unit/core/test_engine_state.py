"""The one decision: from what was seen to the engine's phase."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.engine_state import (
    ContainerObservation,
    EnginePhase,
    EngineSnapshot,
    LoadProgress,
    LoadStep,
    Seen,
    observe,
)
from arcdesk.core.errors import Problem

NOW = 1_700_000_000.0
KV = Problem(cause="kv_context_too_long", title="The context does not fit beside this model")
NO_DOCKER = Problem(cause="docker_daemon", title="Docker does not answer")


def container(
    status: str = "running", exit_code: int | None = None, oom: bool = False
) -> ContainerObservation:
    return ContainerObservation(
        container_id="c1",
        name="arcdesk-engine",
        image="image",
        status=status,
        exit_code=exit_code,
        oom_killed=oom,
        served_model="tinyllama",
        api_key="secret",
    )


def snapshot(phase: EnginePhase, problem: Problem | None = None) -> EngineSnapshot:
    return EngineSnapshot(phase=phase, problem=problem, since=NOW - 60)


def phase_after(old: EnginePhase, seen: Seen) -> EnginePhase:
    return observe(snapshot(old), seen, NOW).phase


def test_a_running_container_is_loading_until_a_request_was_answered() -> None:
    assert phase_after(EnginePhase.STARTING, Seen(container=container())) is EnginePhase.LOADING
    ready = Seen(container=container(), is_answering=True)
    assert phase_after(EnginePhase.LOADING, ready) is EnginePhase.READY


def test_an_answer_overrules_a_log_line_that_looked_fatal() -> None:
    seen = Seen(container=container(), log_problem=KV, is_answering=True)
    assert phase_after(EnginePhase.FAILED, seen) is EnginePhase.READY


def test_a_fatal_line_counts_at_once_though_the_container_still_runs() -> None:
    after = observe(snapshot(EnginePhase.LOADING), Seen(container=container(), log_problem=KV), NOW)
    assert (after.phase, after.problem) == (EnginePhase.FAILED, KV)


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_an_end_after_our_own_stop_is_stopped_whatever_its_code(code: int) -> None:
    seen = Seen(container=container("exited", code), stopped_by_us=True)
    assert phase_after(EnginePhase.READY, seen) is EnginePhase.STOPPED
    assert phase_after(EnginePhase.STOPPING, replace(seen, stopped_by_us=False)) is EnginePhase.STOPPED


def test_137_that_nobody_asked_for_is_a_kill_from_outside() -> None:
    after = observe(snapshot(EnginePhase.READY), Seen(container=container("exited", 137)), NOW)
    assert after.phase is EnginePhase.FAILED
    assert after.problem is not None
    assert after.problem.cause == "killed"


def test_137_found_at_start_up_is_how_a_stop_looks() -> None:
    assert phase_after(EnginePhase.ABSENT, Seen(container=container("exited", 137))) is EnginePhase.STOPPED


def test_out_of_memory_is_never_taken_for_a_stop() -> None:
    after = observe(snapshot(EnginePhase.ABSENT), Seen(container=container("exited", 137, oom=True)), NOW)
    assert after.phase is EnginePhase.FAILED
    assert after.problem is not None
    assert after.problem.cause == "host_oom"


def test_an_error_exit_found_at_start_up_stays_a_failure() -> None:
    after = observe(snapshot(EnginePhase.ABSENT), Seen(container=container("exited", 1), log_problem=KV), NOW)
    assert (after.phase, after.problem) == (EnginePhase.FAILED, KV)
    bare = observe(snapshot(EnginePhase.ABSENT), Seen(container=container("exited", 1)), NOW)
    assert bare.phase is EnginePhase.FAILED


def test_late_news_of_a_running_container_does_not_undo_stopping() -> None:
    seen = Seen(container=container(), is_answering=True)
    assert phase_after(EnginePhase.STOPPING, seen) is EnginePhase.STOPPING
    assert phase_after(EnginePhase.STOPPING, Seen(container=None)) is EnginePhase.STOPPED


def test_a_start_is_not_undone_by_not_yet_seeing_its_container() -> None:
    assert phase_after(EnginePhase.STARTING, Seen(container=None)) is EnginePhase.STARTING
    assert phase_after(EnginePhase.STARTING, Seen(container=container("created"))) is EnginePhase.STARTING


def test_a_container_that_vanishes_in_use_is_a_failure_with_a_way_out() -> None:
    after = observe(snapshot(EnginePhase.READY), Seen(container=None), NOW)
    assert after.phase is EnginePhase.FAILED
    assert after.problem is not None
    assert after.problem.actions


def test_a_failure_to_start_is_kept_when_no_container_came_of_it() -> None:
    after = observe(snapshot(EnginePhase.FAILED, KV), Seen(container=None), NOW)
    assert (after.phase, after.problem) == (EnginePhase.FAILED, KV)


def test_without_docker_nothing_else_counts() -> None:
    seen = Seen(container=container(), unreachable=NO_DOCKER, is_answering=True)
    after = observe(snapshot(EnginePhase.READY), seen, NOW)
    assert (after.phase, after.problem) == (EnginePhase.UNAVAILABLE, NO_DOCKER)


def test_since_moves_only_with_the_phase_and_progress_only_lives_while_loading() -> None:
    progress = LoadProgress(step=LoadStep.WEIGHTS, done=1, total=3)
    loading = observe(snapshot(EnginePhase.STARTING), Seen(container=container(), progress=progress), NOW)
    assert (loading.since, loading.progress) == (NOW, progress)
    later = observe(loading, Seen(container=container(), progress=progress), NOW + 5)
    assert later.since == NOW
    ready = observe(later, Seen(container=container(), progress=progress, is_answering=True), NOW + 9)
    assert (ready.since, ready.progress, ready.model) == (NOW + 9, None, "tinyllama")


def test_the_key_is_in_no_text_of_an_observation() -> None:
    assert "secret" not in repr(container())
    assert "secret" not in repr(Seen(container=container()))
