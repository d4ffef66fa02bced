"""Every log of the set gets its cause; healthy ones get none, at no moment."""

from __future__ import annotations

import gc
import json
import re
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.errors import ActionKind, Problem
from arcdesk.core.ports import LogReader
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.log_reader import SIGNS, StartupLogReader, explain_log

LOGS = Path(__file__).parents[2] / "data" / "logs"
INDEX: list[dict[str, Any]] = json.loads((LOGS / "index.json").read_text(encoding="utf-8"))
SICK = [entry for entry in INDEX if not entry["healthy"]]
HEALTHY = [entry for entry in INDEX if entry["healthy"]]
FULL = [entry for entry in SICK if entry["excerpt"] == "full"]
DEFAULTS = ContainerSettings()
UP = "INFO:     Application startup complete."
WRAPPER = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
SHM = "WARNING services.py:1996 -- WARNING: The object store is using /tmp instead of /dev/shm because "
SHM += "/dev/shm has only 67108864 bytes available. This will harm performance!"
OOM = "torch.OutOfMemoryError: XPU out of memory. Tried to allocate 2.03 GiB."


def lines_of(entry: dict[str, Any]) -> list[str]:
    return (LOGS / entry["file"]).read_text(encoding="utf-8").split("\n")


def names(entry: dict[str, Any]) -> str:
    return f"{entry['file']}-{entry['cause']}"


def cause_of(*lines: str, settings: ContainerSettings | None = None) -> str | None:
    problem = explain_log(lines, settings)
    return problem.cause if problem is not None else None


def explained(*lines: str, settings: ContainerSettings = DEFAULTS) -> Problem:
    problem = explain_log(lines, settings)
    assert problem is not None
    return problem


def live_problem(*lines: str) -> Problem | None:
    reader = StartupLogReader()
    for line in lines:
        reader.feed(line, 0.0)
    return reader.problem


def test_the_set_is_whole() -> None:
    assert {entry["file"] for entry in INDEX} == {path.name for path in LOGS.glob("*.log")}
    assert len(HEALTHY) >= 10
    assert len(SICK) >= 60


@pytest.mark.parametrize("entry", SICK, ids=names)
def test_a_log_gets_its_cause(entry: dict[str, Any]) -> None:
    problem = explain_log(lines_of(entry), DEFAULTS)
    assert problem is not None
    assert problem.cause in (entry["cause"], *entry.get("also", []))


@pytest.mark.parametrize("entry", SICK, ids=names)
def test_a_problem_is_whole(entry: dict[str, Any]) -> None:
    problem = explained(*lines_of(entry))
    assert problem.title
    assert not problem.title.endswith(".")
    assert problem.detail
    assert problem.hint
    assert problem.evidence.strip("…")[:60] in "\n".join(lines_of(entry))
    assert "{" not in problem.title + problem.detail.split("It said:")[0] + problem.hint
    if not problem.cause.startswith("docker_"):
        assert problem.actions[-1].kind is ActionKind.SHOW_LOG


@pytest.mark.parametrize("entry", SICK, ids=names)
def test_settings_are_not_needed(entry: dict[str, Any]) -> None:
    with_settings, without = explained(*lines_of(entry)), explain_log(lines_of(entry))
    assert without is not None
    assert without.cause == with_settings.cause


@pytest.mark.parametrize("entry", HEALTHY, ids=names)
def test_a_healthy_log_never_alarms(entry: dict[str, Any]) -> None:
    reader = StartupLogReader(DEFAULTS)
    for line in lines_of(entry):
        reader.feed(line, 0.0)
        assert reader.problem is None, line
    assert reader.conclude() is None
    assert reader.is_startup_complete


@pytest.mark.parametrize("entry", FULL, ids=names)
def test_a_cause_found_live_stays_the_cause(entry: dict[str, Any]) -> None:
    """A problem once shown may become more exact (a wrapper gets its root), but never goes away."""
    reader = StartupLogReader()
    was_shown = False
    for line in lines_of(entry):
        reader.feed(line, 0.0)
        assert not (was_shown and reader.problem is None)
        was_shown = was_shown or reader.problem is not None
    assert reader.problem in (None, reader.conclude())


def test_the_reader_fills_the_port() -> None:
    reader: LogReader = StartupLogReader()
    assert (reader.progress, reader.problem, reader.device) == (None, None, None)
    assert not reader.is_startup_complete


# --- which of several signs speaks -----------------------------------------------------------------


@pytest.mark.parametrize("lines", [(WRAPPER, OOM), (OOM, WRAPPER)])
def test_a_root_wins_over_a_wrapper_in_any_order(lines: tuple[str, ...]) -> None:
    assert cause_of(*lines) == "vram_oom"


def test_a_wrapper_alone_is_a_dead_engine() -> None:
    assert cause_of(WRAPPER) == "engine_dead"


def test_a_dead_engine_names_the_first_error_that_no_table_knows() -> None:
    problem = explained(
        "Traceback (most recent call last):", "FooError: strange thing", "BarError: x", WRAPPER
    )
    assert problem.cause == "engine_dead"
    assert "FooError: strange thing" in problem.detail


def test_an_unknown_error_counts_only_at_the_end() -> None:
    lines = ("Traceback (most recent call last):", '  File "a.py", line 1, in b', "FooError: strange thing")
    assert live_problem(*lines) is None
    assert cause_of(*lines) == "engine_dead"


def test_the_first_of_two_roots_wins() -> None:
    lost = "RuntimeError: level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"
    assert cause_of(lost, OOM) == "device_lost"
    assert cause_of(OOM, lost) == "vram_oom"


def test_an_abort_gives_way_to_the_reason_on_the_next_line() -> None:
    abort = "terminate called after throwing an instance of 'sycl::_V1::exception'"
    assert cause_of(abort) == "gpu_driver_abort"
    assert cause_of(abort, "  what():  level_zero backend failed with error: 39") == "vram_oom"


def test_killed_after_a_failure_is_clean_up() -> None:
    died = "ERROR 01-01 00:00:00 [x.py:1] Worker proc VllmWorker-1 died unexpectedly, shutting down executor."
    assert cause_of(died, "Killed") == "worker_died"
    assert cause_of(OOM, "Killed") == "vram_oom"
    assert cause_of("FooError: x", "Killed") == "engine_dead"


@pytest.mark.parametrize("killed", ["Killed", "/llm/start.sh: line 43:    123 Killed      python -m server"])
def test_killed_out_of_the_blue_is_the_kernel(killed: str) -> None:
    assert cause_of(killed) == "host_oom"
    assert cause_of(SHM, killed) == "host_oom"


def test_rays_warning_is_the_cause_only_if_nothing_else_was_said() -> None:
    assert live_problem(SHM) is None
    assert cause_of(SHM) == "shm_small"
    assert cause_of(SHM, WRAPPER) == "engine_dead"
    assert cause_of(SHM, UP) is None


def test_a_denied_node_matters_once_no_card_is_found() -> None:
    denied = "Failed to open '/dev/dri/renderD129': Permission denied"
    assert live_problem(denied) is None
    problem = live_problem(denied, "RuntimeError: Failed to infer device type")
    assert problem is not None
    assert problem.cause == "gpu_permission"


def test_a_hub_that_is_not_reached_at_once_is_tried_again() -> None:
    again = "'HTTPSConnectionPool(host=\\'huggingface.co\\', port=443): Max retries exceeded with url: /x'"
    assert live_problem(again) is None
    assert cause_of(again) == "hub_offline"
    assert (
        cause_of(again, "ValueError: Invalid repository ID or local directory specified: 'a/b'")
        == "hub_offline"
    )


def test_a_401_for_a_name_that_does_not_exist_is_a_wrong_path() -> None:
    unauthorised = "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: x)"
    assert cause_of(unauthorised) == "model_path"


@pytest.mark.parametrize(
    "line",
    [
        "INFO 01-01 00:00:00 [logger.py:43] Received request x: prompt: 'XPU out of memory. EngineDeadError'",
        "WARNING 01-01 00:00:00 [a.py:1] Failed to import from vllm._C with "
        "ImportError('libcuda.so.1: cannot open shared object file: No such file or directory')",
        "Could not cache non-existence of file. Will ignore error and continue. Error: [Errno 13] "
        "Permission denied: '/root/.cache/huggingface/hub/models--a--b'",
        "[W514 10:51:05.418 socket.cpp:464] bind failed (errno: 98 - Address already in use).",
        "(pid=1) INFO 01-01 00:00:00 [utils.py:1] Port 8000 is already in use, trying port 8001",
        "sycl_arch not recognized: 21483225088",
    ],
)
def test_words_of_doom_in_harmless_lines(line: str) -> None:
    assert cause_of(line) is None


def test_the_usage_threads_traceback_is_passed_over_but_not_its_neighbours() -> None:
    start = "(Worker pid=1) Exception in thread Thread-1 (_report_usage_worker):"
    trace = ["(Worker pid=1) Traceback (most recent call last):", "(Worker pid=1)     self.run()"]
    end = "(Worker pid=1) OSError: [Errno 28] No space left on device"
    chained = [
        "(Worker pid=1) During handling of the above exception, another exception occurred:",
        *trace,
        end,
    ]
    assert cause_of(start, *trace, end, *chained) is None
    assert cause_of(start, *trace, f"(Worker pid=2) {OOM}", end) == "vram_oom"
    assert cause_of(start, *trace, end, f"(Worker pid=1) {OOM}") == "vram_oom"


def test_a_hang_at_a_known_place_is_told_only_at_the_end() -> None:
    lines = (
        "INFO 05-14 10:51:08 [api_server.py:1080] vLLM API server version 0.8.3+ipexllm",
        "2025-05-14 10:51:23,051\tINFO worker.py:1888 -- Started a local Ray instance.",
        "INFO 05-14 10:51:33 [xpu.py:45] Using IPEX attention backend.",
    )
    assert live_problem(*lines) is None
    assert cause_of(*lines) == "startup_hang"
    assert (
        cause_of(*lines, "INFO 05-14 10:51:34 [weight_utils.py:265] Using model weights format ['*']") is None
    )


# --- after the start -------------------------------------------------------------------------------


def test_a_start_that_succeeded_forgets_what_looked_bad() -> None:
    assert cause_of(OOM, UP) is None


def test_the_port_may_be_refused_after_startup_complete() -> None:
    bind = "ERROR:    [Errno 98] error while attempting to bind on address ('::', 80): address already in use"
    assert cause_of(UP, bind) == "port_in_use"


def test_at_runtime_only_runtime_causes_count() -> None:
    assert cause_of(UP, "ValueError: max_num_batched_tokens (1) is smaller than max_model_len (2).") is None
    assert cause_of(UP, "ValueError: This model's maximum context length is 2048 tokens.") is None
    assert (
        cause_of(
            UP,
            "CRITICAL 05-14 10:00:00 [launcher.py:116] MQLLMEngine is already dead, terminating "
            "server process",
        )
        == "engine_dead"
    )
    assert cause_of(
        UP, "RuntimeError: Native API failed. Native API returns: 20 (UR_RESULT_ERROR_DEVICE_LOST)"
    ) == ("device_lost")


def test_a_new_run_in_the_same_log_starts_afresh() -> None:
    first = ["Starting service with model: a", OOM, WRAPPER, "Starting service with model: a"]
    assert live_problem(*first) is None
    assert cause_of(*first) == "vram_oom"  # all that is known if the log ends here
    assert cause_of(*first, UP) is None


# --- what a person reads ---------------------------------------------------------------------------


def applied(problem: Problem) -> dict[str, str]:
    first = problem.actions[0]
    assert first.kind is ActionKind.APPLY_SETTINGS
    return dict(first.settings)


def test_a_context_that_does_not_fit_is_fixed_by_the_room_there_is() -> None:
    problem = explained(
        "ValueError: The model's max seq len (2048) is larger than the maximum number of tokens that can be "
        "stored in KV cache (1312). Try increasing `gpu_memory_utilization`."
    )
    assert problem.detail == "The card has room for 1\u202f312 tokens, 2\u202f048 were asked for."
    assert problem.actions[0].label == "Use 1\u202f312 and restart"
    assert applied(problem) == {"max_model_len": "1312"}


def test_v1_names_the_sizes_and_an_estimate() -> None:
    problem = explained(
        "ValueError: To serve at least one request with the model's max seq len (118000), 6.30 GiB KV cache "
        "is needed, which is larger than the available KV cache memory (6.11 GiB). Based on the available "
        "memory, the estimated maximum model length is 114432."
    )
    assert "6.30\u202fGiB" in problem.detail
    assert applied(problem) == {"max_model_len": "114432"}


def test_without_an_estimate_the_room_follows_from_the_sizes() -> None:
    problem = explained(
        "ValueError: To serve at least one request with the models's max seq len (40960), (5.62 GiB KV cache "
        "is needed, which is larger than the available KV cache memory (3.36 GiB)."
    )
    room = int(applied(problem)["max_model_len"])
    assert 0.9 * 40960 * 3.36 / 5.62 < room < 40960 * 3.36 / 5.62


def test_batched_tokens_are_raised_to_context_and_sequences() -> None:
    line = "ValueError: max_num_batched_tokens (3000) is smaller than max_model_len (4096). This effectively"
    assert applied(explained(line)) == {"max_num_batched_tokens": "4096"}
    many = ContainerSettings(max_num_seqs=5000)
    assert applied(explained(line, settings=many)) == {"max_num_batched_tokens": "5000"}
    line = "ValueError: max_num_batched_tokens (128) must be greater than or equal to max_num_seqs (256)."
    assert applied(explained(line)) == {"max_num_batched_tokens": "2048"}


@pytest.mark.parametrize(
    "limit",
    ["None=4096 in model's config.json", "max_position_embeddings=4096 or model_max_length=None in model's"],
)
def test_the_models_own_limit_is_offered(limit: str) -> None:
    line = f"User-specified max_model_len (204800) is greater than the derived max_model_len ({limit})."
    assert applied(explained(line)) == {"max_model_len": "4096"}


def test_heads_are_split_over_the_next_smaller_divisor() -> None:
    line = "ValueError: Total number of attention heads (40) must be divisible by tensor parallel size (7)."
    assert applied(explained(line)) == {"tensor_parallel_size": "5"}


def test_fewer_cards_are_offered_when_there_are_fewer() -> None:
    line = "ValueError: World size (4) is larger than the number of available GPUs (2) in this node."
    assert applied(explained(line)) == {"tensor_parallel_size": "2"}


def test_a_typo_in_the_format_is_named() -> None:
    problem = explained(
        "RuntimeError: Unknown load_in_low_bit value: sym_int44, expected: sym_int4, asym_int4."
    )
    assert "sym_int44" in problem.title
    assert applied(problem) == {"load_in_low_bit": "sym_int4"}


def test_memory_trouble_offers_settings_that_need_less() -> None:
    problem = explained(OOM, settings=ContainerSettings(load_in_low_bit="fp8"))
    assert "2.03\u202fGiB" in problem.detail
    assert applied(problem) == {"max_model_len": "1024", "max_num_batched_tokens": "1024"}
    assert problem.actions[1].settings == (("load_in_low_bit", "sym_int4"),)


def test_shared_memory_names_its_size() -> None:
    assert "64\u202fMiB" in explained(SHM).detail


# --- any text --------------------------------------------------------------------------------------

NEEDLES = sorted({needle for sign in SIGNS for needle in sign.needles})
ANSI = st.sampled_from(["\x1b[0m", "\x1b[1;31m", "\x1b[36m", "\x1b[K", "\x1b]0;title\x07"])
CHOSEN = [entry for entry in INDEX if 3 <= len(lines_of(entry)) <= 60]


@given(st.lists(st.one_of(st.text(max_size=300), st.sampled_from(NEEDLES), st.binary(max_size=80).map(repr))))
def test_any_text_is_taken(lines: list[str]) -> None:
    reader = StartupLogReader(DEFAULTS)
    for number, line in enumerate(lines):
        reader.feed(line, float(-number))
        progress = reader.progress
        assert progress is None or all(seconds >= 0 for _, seconds in progress.finished)
        assert reader.problem is None or reader.problem.title
    reader.conclude()


@given(
    st.lists(st.one_of(st.sampled_from(NEEDLES), st.text("0123456789()',:=. []/", max_size=30)), max_size=12)
)
def test_any_mix_of_telling_words_is_taken(parts: list[str]) -> None:
    line = " ".join(parts)
    problem = explain_log([line], DEFAULTS)
    assert problem is None or problem.actions


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_terminal_codes_change_nothing(data: st.DataObject) -> None:
    entry = data.draw(st.sampled_from(CHOSEN), label="log")
    plain, coloured = StartupLogReader(), StartupLogReader()
    for line in lines_of(entry):
        plain.feed(line, 0.0)
        cut = data.draw(st.integers(0, len(line)))
        coloured.feed(line[:cut] + data.draw(ANSI) + line[cut:], 0.0)
    assert coloured.conclude() == plain.conclude()
    assert (coloured.progress, coloured.device) == (plain.progress, plain.device)
    assert coloured.is_startup_complete == plain.is_startup_complete


@given(st.sampled_from(NEEDLES), st.text("ab 1_", max_size=5), st.text("ab 1_", max_size=5))
def test_the_word_index_finds_what_trying_every_sign_finds(needle: str, before: str, after: str) -> None:
    line = f"{before} {needle} {after}"
    tried = [sign for sign in SIGNS if sign.find(line) is not None]
    assert [sign for sign, _ in SIGNS.search(line)] == tried


@pytest.mark.parametrize("entry", INDEX, ids=names)
def test_the_word_index_misses_nothing_in_the_logs(entry: dict[str, Any]) -> None:
    for line in lines_of(entry):
        tried = [sign for sign in SIGNS if sign.find(line) is not None]
        assert [sign for sign, _ in SIGNS.search(line)] == tried


def bytes_held(root: object) -> int:
    """The size of all that an object keeps alive by itself, in bytes."""
    shared = (type, ModuleType, FunctionType, re.Pattern)
    seen: dict[int, object] = {}
    waiting: list[object] = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and not isinstance(thing, shared):
            seen[id(thing)] = thing
            waiting += gc.get_referents(thing)
    return sum(sys.getsizeof(thing) for thing in seen.values())


def test_a_long_log_needs_no_more_memory_than_a_short_one() -> None:
    body = [line for entry in INDEX for line in lines_of(entry)]
    reader = StartupLogReader()
    sizes = []
    for number in range(100_000):
        reader.feed(f"{number} {body[number % len(body)]}", float(number))
        if number % 20_000 == 5_000:
            sizes.append(bytes_held(reader))
    assert len(sizes) == 5
    assert max(sizes) < 100_000
    assert bytes_held([reader, "x" * 200_000]) > 200_000  # the measure sees what is held


def test_a_huge_line_is_cut() -> None:
    problem = explained("x" * 10_000_000, OOM + "y" * 10_000_000)
    assert problem.cause == "vram_oom"
    assert len(problem.evidence) < 600
