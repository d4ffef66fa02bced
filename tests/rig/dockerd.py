"""Runs one private Docker daemon in folders of its own."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.errors import RigUnavailable
from tests.rig.process import command_name, end, is_alive, kill, pid_in, wait_until

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerd:
    """A daemon's folders. `data_root` may live long; `run_dir` must be short: it holds the socket."""

    data_root: Path
    run_dir: Path
    options: tuple[str, ...] = field(default=())

    @property
    def host(self) -> str:
        return f"unix://{self.run_dir}/docker.sock"

    @property
    def log_file(self) -> Path:
        return self.run_dir / "dockerd.log"

    @property
    def pid(self) -> int | None:
        return pid_in(self.run_dir / "pid")

    def start(self) -> None:
        """Starts the daemon, which outlives this process, and waits until it answers.

        Raises RigUnavailable with the daemon's last words.
        """
        program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise RigUnavailable("no Docker Engine answers, and dockerd is missing (apt package docker.io)")
        if os.geteuid() != 0:
            raise RigUnavailable("no Docker Engine answers, and only root can start one")
        self.data_root.mkdir(parents=True, exist_ok=True)
        pid = self._spawn(program)
        wait_until(lambda: answers(self.host) or not is_alive(pid), READY_TIMEOUT_S)
        if not answers(self.host):
            last_words = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
            self.stop()
            raise RigUnavailable("dockerd did not get ready: " + " / ".join(last_words))

    def stop(self) -> None:
        """Ends daemon and containerd gracefully and waits until both are gone."""
        self._end_all(lambda pid: end(pid, patience_s=STOP_TIMEOUT_S))

    def kill(self) -> None:
        """Ends daemon and containerd as a crash would; what they left is there for the next start."""
        self._end_all(kill)

    def clean_up(self) -> None:
        """Removes the run folder of a stopped daemon, whose network mounts it leaves behind."""
        unmount_below(self.run_dir)
        shutil.rmtree(self.run_dir)

    def _spawn(self, program: str) -> int:
        arguments = [
            program,
            "--data-root", str(self.data_root),
            "--exec-root", str(self.run_dir / "exec"),
            "--pidfile", str(self.run_dir / "pid"),
            "-H", self.host,
            *self.options,
        ]  # fmt: skip
        log = (os.POSIX_SPAWN_OPEN, 1, str(self.log_file), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        streams = [nothing, log, (os.POSIX_SPAWN_DUP2, 1, 2)]
        # Not subprocess.Popen: the daemon may outlive us, and Popen warns about children that do.
        return os.posix_spawn(program, arguments, _environment(), file_actions=streams, setsid=True)

    def _end_all(self, finish: Callable[[int], None]) -> None:
        files = {
            "dockerd": self.run_dir / "pid",
            "containerd": self.run_dir / "exec" / "containerd" / "containerd.pid",
        }
        for name, file in files.items():
            pid = pid_in(file)
            # The name is compared because an old pid file may point to somebody else's process by now.
            if pid is not None and is_alive(pid) and command_name(pid) == name:
                finish(pid)
            file.unlink(missing_ok=True)


def answers(host: str) -> bool:
    """Whether a Docker Engine answers there."""
    command = ["docker", "-H", host, "version", "--format", "{{.Server.APIVersion}}"]
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def unmount_below(folder: Path) -> None:
    """Takes away mounts that a daemon left in its folders, deepest first."""
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    mounts = [line.split()[4] for line in table.splitlines()]
    for mount in sorted((m for m in mounts if Path(m).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def _environment() -> dict[str, str]:
    """The daemon finds containerd, runc and iptables in sbin, which a user's PATH may lack."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"}
