"""The log on real files: private, rotating, masked, and silent when the disk refuses."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcdesk.storage.log_file import FILE_NAME, LINE_CHARACTERS, LogFile, start_logging, stop_logging, tail
from arcdesk.storage.paths import state_dir

ROOT = Path(__file__).parents[3]


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.Logger("arcdesk.test", logging.INFO)
    yield logger
    for handler in tuple(logger.handlers):
        handler.close()


def keep(logger: logging.Logger, folder: Path, **options: int) -> LogFile:
    handler = LogFile(folder, **options)
    logger.addHandler(handler)
    return handler


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_log_that_says_nothing_leaves_nothing(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path / "log")
    logger.debug("too small")
    handler.close()
    assert list(tmp_path.iterdir()) == []


def test_lines_are_kept_in_order_and_privately(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path / "log")
    for number in range(100):
        logger.info("line %d", number)
    handler.close()
    lines = (tmp_path / "log" / FILE_NAME).read_text().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [f"line {number}" for number in range(100)]
    assert mode_of(tmp_path / "log") == 0o700
    assert mode_of(tmp_path / "log" / FILE_NAME) == 0o600
    assert handler.recent_lines() == lines[-100:]


def test_an_open_file_is_closed_to_others(logger: logging.Logger, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("older\n")
    (tmp_path / FILE_NAME).chmod(0o644)
    handler = keep(logger, tmp_path)
    logger.info("newer")
    handler.close()
    assert mode_of(tmp_path / FILE_NAME) == 0o600
    assert (tmp_path / FILE_NAME).read_text().startswith("older\n")


def test_keys_never_reach_the_disk(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path)
    logger.info("HF_TOKEN=%s", "hf_AbCdEf123456")
    try:
        raise ValueError("api_key='geheim1234'")
    except ValueError:
        logger.exception("it failed")
    handler.close()
    text = (tmp_path / FILE_NAME).read_text()
    assert "ValueError" in text
    assert "AbCdEf" not in text and "geheim" not in text
    assert not [line for line in handler.recent_lines() if "AbCdEf" in line]


def test_full_files_give_way_and_the_oldest_goes(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path, file_bytes=2_000, files=3)
    for number in range(300):
        logger.info("line %04d", number)
    handler.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [FILE_NAME, f"{FILE_NAME}.1", f"{FILE_NAME}.2"]
    assert all(file.stat().st_size <= 2_000 and mode_of(file) == 0o600 for file in files)
    kept = tail(tmp_path / FILE_NAME, 1_000_000).splitlines()
    numbers = [int(line[-4:]) for line in kept]
    assert numbers == list(range(300 - len(numbers), 300))


def test_the_tail_is_whole_lines(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path, file_bytes=2_000, files=3)
    for number in range(60):
        logger.info("line %04d", number)
    handler.close()
    kept = tail(tmp_path / FILE_NAME, 2_500)
    assert len(kept.encode()) <= 2_500
    lines = kept.splitlines()
    assert len(lines) > 20  # from more than one file
    assert all(line.startswith("20") and "line " in line for line in lines)


def test_one_record_can_not_fill_the_file(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path)
    logger.info("x" * 100_000)
    handler.close()
    assert (tmp_path / FILE_NAME).stat().st_size < LINE_CHARACTERS + 200


def test_a_deleted_file_comes_back(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path)
    logger.info("one")
    while not (tmp_path / FILE_NAME).exists() or not handler.recent_lines():
        os.sched_yield()
    (tmp_path / FILE_NAME).unlink()
    logger.info("two")
    handler.close()
    assert "two" in (tmp_path / FILE_NAME).read_text()


def test_a_wrong_log_call_is_no_failure(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path)
    logger.info("%d apples", "many")
    handler.close()
    assert "apples" in (tmp_path / FILE_NAME).read_text()


def test_a_disk_that_refuses_is_noted_and_nothing_is_printed(
    logger: logging.Logger, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder can be made here")
    handler = keep(logger, blocked / "log")
    logger.info("lost on the disk")
    handler.close()
    assert isinstance(handler.problem, OSError)
    assert "lost on the disk" in handler.recent_lines()[-1]
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_is_noted_and_nothing_is_printed(
    logger: logging.Logger, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE_NAME).symlink_to("/dev/full")  # the kernel's own full disk
    handler = keep(logger, tmp_path)
    logger.info("one")
    logger.info("two")
    handler.close()
    assert isinstance(handler.problem, OSError)
    assert len(handler.recent_lines()) == 2
    assert capfd.readouterr() == ("", "")


def test_closing_twice_and_logging_afterwards_do_nothing(logger: logging.Logger, tmp_path: Path) -> None:
    handler = keep(logger, tmp_path)
    logger.info("one")
    handler.close()
    handler.close()
    logger.info("two")
    assert "two" not in (tmp_path / FILE_NAME).read_text()


def test_the_programs_logging_goes_to_both_places() -> None:
    root = logging.getLogger()
    level, before = root.level, list(root.handlers)
    log_file = start_logging(verbose=False)
    try:
        logging.getLogger("arcdesk.some.module").info("told")
        logging.getLogger("httpx").info("HTTP Request: POST http://somewhere")
    finally:
        stop_logging(log_file)
        root.setLevel(level)
    assert root.handlers == before
    text = (state_dir() / "log" / FILE_NAME).read_text()
    assert "INFO arcdesk.some.module: told" in text
    assert "somewhere" not in text


def test_what_was_logged_last_survives_the_end_of_python(tmp_path: Path) -> None:
    code = (
        "import logging, sys; from pathlib import Path; from arcdesk.storage.log_file import start_logging\n"
        "start_logging(verbose=False, folder=Path(sys.argv[1]))\n"
        "for n in range(200): logging.info('line %d', n)\n"
        "logging.warning('with sk-AbCdEf123456')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "line 199" in (tmp_path / FILE_NAME).read_text()
    assert done.stderr.count("\n") == 1  # the warning, and only it
    assert "AbCdEf" not in done.stderr
