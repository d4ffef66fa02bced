"""One private Docker daemon for all processes that want it at the same time."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.dockerd import Dockerd, answers
from tests.rig.ledger import Ledger, Record
from tests.rig.process import start_ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEngine:
    """The first `join()` starts the daemon, the last `leave()` stops it; `folder` keeps data and record.

    The record is locked while the daemon starts or stops, so that a second process waits and then joins.
    """

    folder: Path
    options: tuple[str, ...] = field(default=())

    def join(self) -> str:
        """Returns the daemon's address; raises RigUnavailable."""
        with self._ledger.open() as record:
            host = self._living(record) or self._started(record)
            record.add_me()
            return host

    def leave(self) -> None:
        """Gives up one `join()`."""
        with self._ledger.open() as record:
            record.remove_me()
            self._stop_if_unused(record)

    def pin(self) -> str:
        """Starts the daemon if need be and keeps it without users, until `unpin()`; returns its address."""
        with self._ledger.open() as record:
            host = self._living(record) or self._started(record)
            record.pinned = True
            return host

    def unpin(self) -> None:
        with self._ledger.open() as record:
            record.pinned = False
            self._stop_if_unused(record)

    def running(self) -> str | None:
        """The address of the daemon if it runs."""
        with self._ledger.open() as record:
            return self._living(record)

    def users(self) -> list[str]:
        """The ids of the processes that joined; 'pinned' stands for `pin()`."""
        with self._ledger.open() as record:
            return [user.partition(":")[0] for user in record.users] + ["pinned"] * record.pinned

    @property
    def _ledger(self) -> Ledger:
        self.folder.mkdir(parents=True, exist_ok=True)
        return Ledger(self.folder / "engine.json")

    def _living(self, record: Record) -> str | None:
        if not record.facts or str(start_ticks(int(record.facts["pid"]))) != record.facts["start_ticks"]:
            return None
        return record.facts["host"] if answers(record.facts["host"]) else None

    def _started(self, record: Record) -> str:
        self._stop(record)  # a daemon that lives but does not answer, or the folder of one that died
        # /tmp and not the folder: the path of a unix socket is limited to 108 bytes.
        daemon = self._daemon(Path(tempfile.mkdtemp(prefix="arcdesk-rig-", dir="/tmp")))
        daemon.start()
        pid = daemon.pid or 0
        record.facts = {
            "host": daemon.host,
            "run_dir": str(daemon.run_dir),
            "pid": str(pid),
            "start_ticks": str(start_ticks(pid)),
        }
        return daemon.host

    def _stop_if_unused(self, record: Record) -> None:
        if record.is_unused:
            self._stop(record)

    def _stop(self, record: Record) -> None:
        run_dir = Path(record.facts.get("run_dir", "/nonexistent"))
        if run_dir.is_dir():
            daemon = self._daemon(run_dir)
            daemon.stop()
            daemon.clean_up()
        record.facts = {}

    def _daemon(self, run_dir: Path) -> Dockerd:
        return Dockerd(data_root=self.folder / "docker", run_dir=run_dir, options=self.options)
