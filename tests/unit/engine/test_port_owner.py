"""A taken port is told with its owner, found in the real /proc or in a written one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcdesk.core.errors import ActionKind
from arcdesk.engine.port_owner import (
    describe_process,
    is_free,
    listening_process,
    next_free_port,
    port_problem,
)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_listening_port_is_not_free(listener: socket.socket) -> None:
    assert not is_free(port_of(listener))


def test_a_port_is_free_again_when_its_listener_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = port_of(server)
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the server's side ends first: the pair stays in TIME_WAIT for a minute
        client.close()
    assert is_free(port)


def test_a_listener_on_all_addresses_is_in_the_way() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not is_free(port_of(server))
        owner = listening_process(port_of(server))
        assert owner is not None
        assert owner.pid == os.getpid()


def test_the_next_free_port_leaves_out_taken_ones(listener: socket.socket) -> None:
    port = port_of(listener)
    found = next_free_port(port - 1)
    assert found is not None
    assert found > port
    assert is_free(found)
    assert next_free_port(65535) is None


def test_the_owner_is_this_process(listener: socket.socket) -> None:
    owner = listening_process(port_of(listener))
    assert owner is not None
    assert owner.pid == os.getpid()
    assert str(os.getpid()) in describe_process(port_of(listener))


def test_the_owner_is_another_process_with_its_program() -> None:
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        port = int(process.stdout.readline())
        owner = listening_process(port)
        process.stdin.close()
    assert owner is not None
    assert owner.pid == process.pid
    assert owner.name == Path(sys.executable).name


def test_a_connection_is_not_a_listener(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        assert listening_process(int(client.getsockname()[1])) is None


def written_proc(folder: Path, *, address: str = "0100007F", state: str = "0A") -> Path:
    """A /proc with one socket at port 8001 and one process that holds it."""
    header = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    )
    queues = "00000000:00000000 00:00000000 00000000     0        0"
    line = f"   0: {address}:1F41 00000000:0000 {state} {queues} 777 1\n"
    (folder / "net").mkdir()
    (folder / "net" / "tcp").write_text(header + line)
    (folder / "42" / "fd").mkdir(parents=True)
    (folder / "42" / "fd" / "3").symlink_to("socket:[777]")
    (folder / "42" / "cmdline").write_bytes(b"/usr/bin/some-server\0--port\0")
    (folder / "self").mkdir()
    return folder


def test_the_tables_are_read_without_ipv6(tmp_path: Path) -> None:
    assert describe_process(8001, proc=written_proc(tmp_path)) == "some-server (process 42)"
    assert describe_process(8002, proc=tmp_path) == "another program"


@pytest.mark.parametrize(("address", "state"), [("0200000A", "0A"), ("0100007F", "01")])
def test_other_addresses_and_connections_do_not_count(tmp_path: Path, address: str, state: str) -> None:
    assert listening_process(8001, proc=written_proc(tmp_path, address=address, state=state)) is None


def test_an_owner_that_hides_is_another_program(tmp_path: Path) -> None:
    proc = written_proc(tmp_path)
    (proc / "42" / "fd" / "3").unlink()
    assert describe_process(8001, proc=proc) == "another program"


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert describe_process(8001, proc=tmp_path) == "another program"


def test_the_problem_offers_a_port_that_is_free(listener: socket.socket) -> None:
    port = port_of(listener)
    problem = port_problem(port, "some-server (process 42)")
    (action,) = problem.actions
    (name, value) = action.settings[0]

    assert problem.cause == "docker_port"
    assert "some-server (process 42)" in problem.detail
    assert action.kind is ActionKind.APPLY_SETTINGS
    assert name == "host_port"
    assert is_free(int(value))
    assert action.label == f"Use port {value} and start"


def test_at_the_last_port_there_is_no_next_one() -> None:
    problem = port_problem(65535, "another program")
    assert problem.actions == ()
    assert "another port" in problem.hint
