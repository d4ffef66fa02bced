"""This machine as the card reader sees it; a recorded one is in gpu_recorded."""

from __future__ import annotations

import os
import time

from arcdesk.telemetry.gpu_port import GpuHost, HostUser
from arcdesk.telemetry.gpu_recorded import RecordedHost, is_under

__all__ = ["GpuHost", "HostUser", "LiveHost", "RecordedHost", "is_under"]

CHUNK_BYTES = 1 << 16
LIVE_SCAN_INTERVAL_S = 2.0


class LiveHost:
    """This machine, or a tree of files under `root` (then without the ioctl's real answer)."""

    def __init__(self, root: str = "/", *, scan_interval_s: float = LIVE_SCAN_INTERVAL_S) -> None:
        self.scan_interval_s = scan_interval_s
        self.root = root.rstrip("/") + "/"

    def names(self, path: str) -> list[str]:
        """See GpuHost."""
        return os.listdir(self.root + path)

    def text(self, path: str) -> str:
        """See GpuHost."""
        handle = os.open(self.root + path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            data = chunk = os.read(handle, CHUNK_BYTES)
            while len(chunk) == CHUNK_BYTES:  # a shorter one is the end, in sysfs and proc as well
                chunk = os.read(handle, CHUNK_BYTES)
                data += chunk
        finally:
            os.close(handle)
        return data.decode("utf-8", "surrogateescape")

    def link(self, path: str) -> str:
        """See GpuHost."""
        return os.readlink(self.root + path)

    def real(self, path: str) -> str:
        """See GpuHost."""
        found = os.path.realpath(self.root + path)
        return os.path.relpath(found, os.path.realpath(self.root))

    def exists(self, path: str) -> bool:
        """See GpuHost."""
        return os.path.exists(self.root + path)

    def may_use(self, path: str) -> bool:
        """See GpuHost."""
        return os.access(self.root + path, os.R_OK | os.W_OK)

    def regions(self, render: str, driver: str) -> bytes:
        """See GpuHost."""
        from arcdesk.telemetry.drm_ioctl import query_regions

        return query_regions(f"{self.root}dev/dri/{render}", driver)

    def perfmon_regions(self, render: str, driver: str) -> bytes | None:
        """See GpuHost."""
        return None

    def clock(self) -> float:
        """See GpuHost."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """See GpuHost."""
        time.sleep(seconds)

    def user(self) -> HostUser:
        """See GpuHost."""
        import grp

        names = []
        for number in {os.getegid(), *os.getgroups()}:
            try:
                names.append(grp.getgrgid(number).gr_name)
            except KeyError:
                continue
        return HostUser(uid=os.geteuid(), gid=os.getegid(), groups=tuple(sorted(names)))
