"""A machine as it was recorded, with its refusals: two samples, some seconds apart."""

from __future__ import annotations

import contextlib
import errno
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from arcdesk.core.gpu import ContainerFdinfo
from arcdesk.telemetry.gpu_fdinfo import parse_grep
from arcdesk.telemetry.gpu_port import HostUser
from arcdesk.telemetry.gpu_recording_file import load_recording

__all__ = ["RecordedHost", "is_under", "load_recording"]

MAX_LINKS = 40


class RecordedHost:
    """A recording (tests/data/gpu/README.md) at its first sample; `advance` goes on to the second.

    Without a second sample nothing changes and no time passes, so no difference of two looks is known.

    `touched` holds what was read or listed, by canonical path, and 'ioctl:renderD128' for ioctls, since
    the host was made or advanced. `trail` holds both.
    """

    scan_interval_s = 0.0

    def __init__(self, recording: Mapping[str, Any]) -> None:
        self._recording = recording
        self._files: dict[str, str] = dict(recording.get("files") or {})
        self._links: dict[str, str] = dict(recording.get("links") or {})
        self._meta: Mapping[str, Any] = recording.get("meta") or {}
        self.dt_s = _seconds(self._meta.get("dt_s"))
        self._real: dict[str, str] = {}
        permissions = recording.get("permissions") or {}
        self._refused = frozenset(self._both_names(permissions.get("eacces") or ()))
        self._busy_once = set(self._both_names(permissions.get("eagain_once") or ()))
        self._answers: dict[tuple[str, str], ContainerFdinfo] = {}
        self._is_second = False
        self._now = 0.0
        self.touched: set[str] = set()
        self.trail: list[set[str]] = [self.touched]
        self._folders = self._tree()

    def advance(self) -> None:
        """The second sample, `dt_s` later (0 s where the recording does not tell)."""
        if self._is_second:
            return
        self.touched = set()
        self.trail.append(self.touched)
        changes = self._recording.get("t1")
        if not changes:
            return
        self._is_second = True
        self._now += self.dt_s
        for path, text in changes.items():
            if text is None:
                self._files.pop(path, None)
            else:
                self._files[path] = text
        self._folders = self._tree()

    def containers(self) -> tuple[ContainerFdinfo, ...]:
        """What Docker would answer now."""
        answers = self._recording.get("docker") or {}
        return tuple(
            self._answer(name, data) for name, data in answers.items() if _is_running(data.get("State"))
        )

    def _answer(self, name: str, data: Mapping[str, Any]) -> ContainerFdinfo:
        """The same answer again where there is no second one, as it is given on a real machine."""
        key = "exec_t1" if self._is_second and data.get("exec_t1") is not None else "exec_t0"
        known = self._answers.get((name, key))
        if known is None:
            known = self._answers[name, key] = self._first_answer(name, data, data.get(key) or "")
        return known

    def _first_answer(self, name: str, data: Mapping[str, Any], text: str) -> ContainerFdinfo:
        code = data.get("exec_rc") or 0
        failed = code not in (0, 1) and not any(parse_grep(text))  # 1: grep found nothing
        pid = (data.get("State") or {}).get("Pid")
        return ContainerFdinfo(
            name=name,
            container_id=str(data.get("Id") or ""),
            pid=pid if isinstance(pid, int) else 0,
            text=text,
            error=f"The command in the container ended with {code}." if failed else "",
            at=self._now,
        )

    def names(self, path: str) -> list[str]:
        """See GpuHost."""
        path = self._touch(path)
        if path in self._folders:
            return list(self._folders[path])
        raise OSError(*((errno.ENOTDIR, path) if path in self._files else (errno.ENOENT, path)))

    def text(self, path: str) -> str:
        """See GpuHost."""
        path = self._touch(path)
        if path in self._busy_once:
            self._busy_once.discard(path)
            raise BlockingIOError(errno.EAGAIN, "recorded: busy once", path)
        if path in self._files:
            return self._files[path]
        if path in self._folders:
            raise IsADirectoryError(errno.EISDIR, "a folder", path)
        raise FileNotFoundError(errno.ENOENT, "not in the recording", path)

    def link(self, path: str) -> str:
        """See GpuHost."""
        folder, name = posixpath.split(path)
        path = posixpath.join(self.real(folder), name)
        self._refuse(path)
        if path in self._links:
            return self._links[path]
        raise FileNotFoundError(errno.ENOENT, "not in the recording", path)

    def real(self, path: str) -> str:
        """See GpuHost."""
        if path not in self._real:
            self._real[path] = self._follow(path)
        return self._real[path]

    def _follow(self, path: str) -> str:
        done = ""
        parts = [part for part in reversed(path.split("/")) if part]
        links = 0
        while parts:
            part = parts.pop()
            if part == "..":
                done = posixpath.dirname(done)
                continue
            done = f"{done}/{part}" if done else part
            if (target := self._links.get(done)) is not None:
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, "too many links", path)
                done = "" if target.startswith("/") else posixpath.dirname(done)
                parts += [step for step in reversed(target.split("/")) if step and step != "."]
        return done

    def exists(self, path: str) -> bool:
        """See GpuHost."""
        try:
            path = self.real(path)
        except OSError:
            return False
        return path in self._files or path in self._folders

    def may_use(self, path: str) -> bool:
        """See GpuHost."""
        return self.exists(path) and not self._is_refused(self.real(path))

    def regions(self, render: str, driver: str) -> bytes:
        """See GpuHost."""
        self.touched.add(f"ioctl:{render}")
        self._refuse(f"dev/dri/{render}")
        self._refuse(f"ioctl:{render}")
        raw = self._region_text(render, driver, "perfmon") if self._is_root() else None
        if raw is None:
            raw = self._region_text(render, driver, "unprivileged")
        if raw is None:
            raise FileNotFoundError(errno.ENOENT, "the recording has no answer of this node", render)
        return bytes.fromhex(raw)

    def perfmon_regions(self, render: str, driver: str) -> bytes | None:
        """See GpuHost."""
        raw = self._region_text(render, driver, "perfmon")
        return None if raw is None else bytes.fromhex(raw)

    def _is_root(self) -> bool:
        """Root has CAP_PERFMON; of a user that is not told nothing is taken for granted."""
        return bool((self._meta.get("user") or {}).get("uid") == 0)

    def _region_text(self, render: str, driver: str, who: str) -> str | None:
        node = (self._recording.get("ioctl") or {}).get(render) or {}
        kind = "mem_regions" if driver == "xe" else "memory_regions"
        found: str | None = node.get(f"{driver}:{kind}:{who}")
        return found

    def clock(self) -> float:
        """See GpuHost."""
        return self._now

    def pause(self, seconds: float) -> None:
        """Nothing: a recording has no time between its two samples."""

    def user(self) -> HostUser:
        """See GpuHost."""
        user = self._meta.get("user") or {}
        return HostUser(
            uid=int(user.get("uid") or 0),
            gid=int(user.get("gid") or 0),
            groups=tuple(map(str, user.get("groups") or ())),
        )

    def _touch(self, path: str) -> str:
        path = self.real(path)
        self.touched.add(path)
        self._refuse(path)
        return path

    def _refuse(self, path: str) -> None:
        if self._is_refused(path):
            raise PermissionError(errno.EACCES, "recorded: not for this user", path)

    def _is_refused(self, path: str) -> bool:
        return any(is_under(path, prefix) for prefix in self._refused)

    def _both_names(self, paths: Iterable[str]) -> Iterator[str]:
        """Each path as it was written and without links: both may be asked for."""
        for path in paths:
            path = path.strip("/")
            yield path
            with contextlib.suppress(OSError):  # links in a circle
                yield self.real(path)

    def _tree(self) -> dict[str, dict[str, None]]:
        folders: dict[str, dict[str, None]] = {"": {}}
        for path in (*self._files, *self._links):
            while path:
                folder, name = posixpath.split(path)
                known = folders.setdefault(folder, {})
                if name in known:
                    break
                known[name] = None
                path = folder
        return folders


def is_under(path: str, prefix: str) -> bool:
    """`path` is `prefix` or below it ('proc/1/fdinfo' is not below 'proc/1/fd')."""
    prefix = prefix.rstrip("/")
    return path == prefix or path.startswith(prefix + "/")


def _is_running(state: Any) -> bool:
    return not isinstance(state, Mapping) or bool(state.get("Running", True))


def _seconds(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < math.inf else 0.0
