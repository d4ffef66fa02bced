"""Runs a program whose DRM ioctls are answered by tests.rig.drm_kernel, by way of the real system call.

The program asks the kernel, and the kernel asks us (seccomp's user notification, no privilege needed): a
plain file may stand for `/dev/dri/renderD128`. Nothing is preloaded, so any program can be run.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

from tests.rig.drm_kernel import Nodes
from tests.rig.errors import RigUnavailable

PATIENCE_S = 60.0

# Numbers of the system calls by machine: (audit architecture, ioctl, seccomp).
MACHINES = {"x86_64": (0xC000003E, 16, 317), "aarch64": (0xC00000B7, 29, 277)}
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
SECCOMP_SET_MODE_FILTER, FILTER_FLAG_NEW_LISTENER = 1, 8
RET_ALLOW, RET_USER_NOTIF = 0x7FFF0000, 0x7FC00000
NOTIF_RECV, NOTIF_SEND, NOTIF_ID_VALID = 0xC0502100, 0xC0182101, 0x40082102
NOTIF = struct.Struct("<QIIiIQ6Q")
RESPONSE = struct.Struct("<QqiI")
DRM_TYPE = ord("d")


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """The memory of another process."""

    pid: int

    def read(self, address: int, length: int) -> bytes:
        """Bytes from there. Raises OSError for an address that is not the process's."""
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            data = os.pread(memory.fileno(), length, _offset(address))
        if len(data) < length:
            raise OSError(errno.EFAULT, "the memory ends there")
        return data

    def write(self, address: int, data: bytes) -> None:
        """Put bytes there. Raises OSError for an address that is not the process's."""
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            if os.pwrite(memory.fileno(), data, _offset(address)) < len(data):
                raise OSError(errno.EFAULT, "the memory ends there")


def _offset(address: int) -> int:
    if address >= 1 << 63:
        raise OSError(errno.EFAULT, "no address of a process")
    return address


def run_shimmed(
    arguments: Sequence[str],
    nodes: Nodes,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, as a user without rights over files. Its ioctls on files named as in `nodes` are
    answered by these.

    Raises RigUnavailable where this kernel doesn't let a process be watched so.
    """
    ours, theirs = socket.socketpair()
    with ours:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.drm_shim", str(theirs.fileno()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[theirs.fileno()],
            cwd=cwd or Path(__file__).parents[2],
            env=environ,
        )
        theirs.close()
        with process:
            try:
                listener = _listener(ours, process)
                with _Supervisor(listener, nodes):
                    out, err = process.communicate(timeout=PATIENCE_S)
            finally:
                if process.poll() is None:
                    process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def _listener(channel: socket.socket, process: subprocess.Popen[str]) -> int:
    channel.settimeout(PATIENCE_S)
    _, handles, _, _ = socket.recv_fds(channel, 1, 1)
    if not handles:
        _, err = process.communicate(timeout=PATIENCE_S)
        raise RigUnavailable(f"no process can be watched here: {err.strip()}")
    return handles[0]


class _Supervisor:
    """Answers in a thread of its own, until the program has ended."""

    def __init__(self, listener: int, nodes: Nodes) -> None:
        self._listener, self._nodes = listener, nodes
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="rig-drm-shim", daemon=True)

    def __enter__(self) -> _Supervisor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._wake, b"x")
        self._thread.join(PATIENCE_S)
        for handle in (self._listener, self._woken, self._wake):
            os.close(handle)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if not ready.get(self._listener, 0) & select.POLLIN:
                return  # the program has ended
            with suppress(FileNotFoundError):  # it was killed while we looked
                self._answer_one()

    def _answer_one(self) -> None:
        request = bytearray(NOTIF.size)
        ioctl(self._listener, NOTIF_RECV, request, True)
        id_, pid, _, _, _, _, handle, number, argument, *_ = NOTIF.unpack(request)
        name = self._name(pid, handle & 0xFFFFFFFF)
        ioctl(
            self._listener, NOTIF_ID_VALID, bytearray(struct.pack("<Q", id_)), True
        )  # still the same process
        node = self._nodes.get(name)
        result = (
            -errno.ENOTTY if node is None else node.ioctl(number & 0xFFFFFFFF, argument, ProcessMemory(pid))
        )
        response = bytearray(RESPONSE.pack(id_, 0, result, 0))
        ioctl(self._listener, NOTIF_SEND, response, True)

    @staticmethod
    def _name(pid: int, handle: int) -> str:
        try:
            return Path(os.readlink(f"/proc/{pid}/fd/{handle}")).name
        except OSError:
            return ""


def _watch_me(channel: int) -> None:
    """Have this process's DRM ioctls told to whoever holds the other end of `channel`; lasts across exec."""
    architecture, ioctl_call, seccomp_call = MACHINES[platform.machine()]
    code = _filter(architecture, ioctl_call)
    program = ctypes.create_string_buffer(code)
    header = struct.pack("<H6xQ", len(code) // 8, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):  # root is refused files as any user is
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    mode, flag = ctypes.c_long(SECCOMP_SET_MODE_FILTER), ctypes.c_long(FILTER_FLAG_NEW_LISTENER)
    listener = libc.syscall(ctypes.c_long(seccomp_call), mode, flag, header)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    with socket.socket(fileno=channel) as there:
        socket.send_fds(there, [b"L"], [listener])
    os.close(listener)


def _filter(architecture: int, ioctl_call: int) -> bytes:
    """Classic BPF: an ioctl whose number is of type 'd' is told, everything else goes on."""
    load, alu_and, equal, give = 0x20, 0x54, 0x15, 0x06
    lines = [
        (load, 0, 0, 4),  # seccomp_data.arch
        (equal, 0, 5, architecture),
        (load, 0, 0, 0),  # seccomp_data.nr
        (equal, 0, 3, ioctl_call),
        (load, 0, 0, 24),  # the low half of its second argument
        (alu_and, 0, 0, 0xFF00),
        (equal, 1, 0, DRM_TYPE << 8),
        (give, 0, 0, RET_ALLOW),
        (give, 0, 0, RET_USER_NOTIF),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


if __name__ == "__main__":
    _watch_me(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
