"""Whether a display answers, with real sockets; and what the program says when none does."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arcdesk.app.display import X11_PORT, X11_SOCKETS, no_display_reason, wayland_answers, x11_answers
from tests.unit.app.command import environment, run


@contextmanager
def listening(path: str) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        try:
            yield
        finally:
            if not path.startswith("\0"):
                os.unlink(path)


def answers_anywhere(number: int) -> bool:
    """Something of this machine sits on the display's sockets or its port."""
    return x11_answers(f":{number}") or os.path.exists(f"{X11_SOCKETS}{number}")


@pytest.fixture
def number() -> int:
    """A display that nobody has."""
    return next(n for n in range(7000 + os.getpid() % 1000, 9999) if not answers_anywhere(n))


@pytest.fixture
def x11_folder() -> Iterator[Path]:
    """The folder of X sockets, which a machine without an X server lacks."""
    folder = Path(X11_SOCKETS).parent
    is_new = not folder.exists()
    folder.mkdir(mode=0o1777, exist_ok=True)
    yield folder
    if is_new:
        folder.rmdir()


# X11


def test_a_display_that_nobody_serves_does_not_answer(number: int) -> None:
    assert not x11_answers(f":{number}")


@pytest.mark.parametrize("name", [":{}", ":{}.0", "unix:{}", "unix/:{}"])
def test_a_display_with_an_abstract_socket_answers(number: int, name: str) -> None:
    with listening(f"\0{X11_SOCKETS}{number}"):
        assert x11_answers(name.format(number))
    assert not x11_answers(name.format(number))


def test_a_display_with_a_socket_file_answers(number: int, x11_folder: Path) -> None:
    with listening(str(x11_folder / f"X{number}")):
        assert x11_answers(f":{number}")
    assert not x11_answers(f":{number}")


def test_a_socket_that_a_crash_left_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "X0"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert x11_answers(str(path))
    assert path.exists()
    assert not x11_answers(str(path))


@pytest.mark.parametrize("name", ["{}", "unix:{}", "{}.0"])
def test_a_display_may_be_the_path_of_its_socket(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / "org.xquartz:0")
    assert not x11_answers(name.format(path))
    with listening(path):
        assert x11_answers(name.format(path))


@pytest.fixture
def forwarded() -> Iterator[tuple[socket.socket, int]]:
    """A display by TCP, as ssh forwards one; and its number."""
    for number in range(100, 200):
        server = socket.socket()
        try:
            server.bind(("127.0.0.1", X11_PORT + number))
        except OSError:
            server.close()
            continue
        server.listen()
        yield server, number
        server.close()
        return
    raise AssertionError("a hundred ports are taken")


@pytest.mark.parametrize("name", ["localhost:{}.0", "127.0.0.1:{}", "tcp/localhost:{}"])
def test_a_display_of_another_host_is_asked_by_tcp(forwarded: tuple[socket.socket, int], name: str) -> None:
    server, number = forwarded
    assert x11_answers(name.format(number))
    server.close()
    assert not x11_answers(name.format(number))


@pytest.mark.parametrize(
    "name", ["nonsense", ":", ":x", "host:", ":99999", "-1", "/", "a\0b:1", ":1\n", "." * 80 + ":1"]
)
def test_what_names_no_display_does_not_answer(name: str) -> None:
    assert not x11_answers(name)


# Wayland


def test_a_wayland_socket_is_looked_for_in_the_runtime_folder(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with listening(str(tmp_path / "wayland-7")):
        assert wayland_answers("wayland-7", environ)
        assert not wayland_answers("wayland-8", environ)
        assert not wayland_answers("wayland-7", {})
        assert wayland_answers(str(tmp_path / "wayland-7"), {})
    assert not wayland_answers("wayland-7", environ)


# what of it Qt would use


def test_without_a_name_there_is_no_display() -> None:
    assert no_display_reason({}) == "there is no display here"


def test_qt_may_be_told_to_do_without() -> None:
    assert no_display_reason({"QT_QPA_PLATFORM": "offscreen"}) is None
    assert no_display_reason({"QT_QPA_PLATFORM": "xcb;offscreen"}) is None


def test_one_of_two_displays_is_enough(number: int, tmp_path: Path) -> None:
    environ = {"DISPLAY": f":{number}", "WAYLAND_DISPLAY": "w", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert no_display_reason(environ) == f"the displays w and :{number} do not answer"
    with listening(f"\0{X11_SOCKETS}{number}"):
        assert no_display_reason(environ) is None
    with listening(str(tmp_path / "w")):
        assert no_display_reason(environ) is None


def test_a_platform_that_was_asked_for_is_the_one_that_counts(number: int, tmp_path: Path) -> None:
    environ = {"DISPLAY": f":{number}", "XDG_RUNTIME_DIR": str(tmp_path)}
    with listening(f"\0{X11_SOCKETS}{number}"):
        assert no_display_reason({**environ, "QT_QPA_PLATFORM": "xcb"}) is None
        wayland = {**environ, "QT_QPA_PLATFORM": "wayland"}
        assert no_display_reason(wayland) == "the display wayland-0 does not answer"
        with listening(str(tmp_path / "wayland-0")):
            assert no_display_reason(wayland) is None


def test_the_look_takes_less_than_a_millisecond(number: int) -> None:
    def look() -> float:
        began = time.perf_counter()
        assert no_display_reason({"DISPLAY": f":{number}"}) is None
        return time.perf_counter() - began

    with listening(f"\0{X11_SOCKETS}{number}"):
        assert min(look() for _ in range(20)) < 0.001  # the least: other programs take their share


# the program


async def test_a_display_that_does_not_answer_is_named_with_what_works(number: int) -> None:
    done = await run(env=environment(DISPLAY=f":{number}"))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(
        f"arcdesk: the display :{number} does not answer, so no window can be opened.\n"
    )
    assert "arcdesk ask" in done.err
    assert "arcdesk status" in done.err


async def test_a_missing_library_is_said_in_one_sentence(number: int, tmp_path: Path) -> None:
    package = tmp_path / "PySide6"
    package.mkdir()
    (package / "__init__.py").touch()
    # What the linker says of the real one, on a machine without the library.
    complaint = "libGL.so.1: cannot open shared object file: No such file or directory"
    for name in ("QtCore", "QtWidgets"):
        (package / f"{name}.py").write_text(f"raise ImportError({complaint!r})")
    with listening(f"\0{X11_SOCKETS}{number}"):
        done = await run(env=environment(DISPLAY=f":{number}", PYTHONPATH=str(tmp_path)))
    assert (done.code, done.out) == (1, "")
    assert (
        done.err == f"arcdesk: a library that windows need is missing: {complaint}. `make run` installs it.\n"
    )


async def test_what_qt_cannot_load_does_not_abort_the_program() -> None:
    done = await run(env=environment(QT_QPA_PLATFORM="nosuchplatform"))
    assert (done.code, done.out) == (1, "")
    assert "`make run` installs it" in done.err
    assert "arcdesk ask" in done.err
