"""Finds the programs on the cards: those this user may read, and those in containers that told of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from arcdesk.core.gpu import ContainerFdinfo
from arcdesk.telemetry.gpu_fdinfo import DrmClient, parse_fdinfo, parse_grep, rates_pct
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_pci import PciCard
from arcdesk.telemetry.gpu_values import read_text

# A program without a card may open one later: it is looked at again at every so-manieth scan.
RECHECK_SCANS = 5
CONTAINER = re.compile(r"(?:docker|libpod|cri-containerd|crio)[-/]([0-9a-f]{64})")
SHORT_ID = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A client, where it was seen and when. `rates` are percent per engine since the look before."""

    client: DrmClient
    pid: int
    name: str
    container: str
    at: float
    rates: dict[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """All clients of the awake cards. `unreadable` maps a process to its cards; empty: which is not known."""

    seen: tuple[Seen, ...] = ()
    unreadable: dict[int, frozenset[str]] = field(default_factory=dict)
    is_proc_readable: bool = True

    def of(self, address: str) -> list[Seen]:
        """The clients of one card."""
        return [one for one in self.seen if one.client.address == address]

    def unreadable_of(self, address: str) -> tuple[int, ...]:
        """Processes that are, or may be, on this card and can't be read."""
        return tuple(sorted(pid for pid, on in self.unreadable.items() if not on or address in on))


@dataclass(slots=True)
class _Process:
    nodes: dict[str, str] = field(default_factory=dict)  # fd → node of an Intel card
    is_refused: bool = False
    container_id: str = ""
    name: str = ""


class ProgramScan:
    """Scans processes now and then; keeps clients between scans for their rates."""

    def __init__(self, host: GpuHost) -> None:
        self._host = host
        self._processes: dict[int, _Process] = {}
        self._scans = 0
        self._scanned_at: float | None = None
        self._awake: frozenset[str] = frozenset()
        self._on_host: list[Seen] = []
        self._unreadable: dict[int, frozenset[str]] = {}
        self._is_proc_readable = True
        self._before: dict[tuple[str, int], Seen] = {}
        self._answers: dict[str, tuple[ContainerFdinfo, list[Seen]]] = {}

    def look(self, cards: Iterable[PciCard], containers: tuple[ContainerFdinfo, ...]) -> Programs:
        """The clients of these cards, which must be awake."""
        nodes = {node: card.address for card in cards for node in (card.card, card.render) if node}
        awake = frozenset(nodes.values())
        now = self._host.clock()
        is_due = self._scanned_at is None or now - self._scanned_at >= self._host.scan_interval_s
        if not awake:
            self._on_host, self._unreadable, self._scanned_at = [], {}, None
        elif is_due or awake != self._awake:
            self._scanned_at = now
            self._scan(nodes, now)
        self._awake = awake
        merged = self._merge(awake, containers, now)
        self._before = {one.client.key: one for one in merged}
        return Programs(
            seen=tuple(merged), unreadable=dict(self._unreadable), is_proc_readable=self._is_proc_readable
        )

    def _scan(self, nodes: dict[str, str], now: float) -> None:
        self._scans += 1
        self._on_host, self._unreadable = [], {}
        try:
            pids = sorted(int(name) for name in self._host.names("proc") if name.isdecimal())
            self._is_proc_readable = True
        except OSError:
            pids, self._is_proc_readable = [], False
        for gone in self._processes.keys() - set(pids):
            del self._processes[gone]
        for pid in pids:
            process = self._processes.get(pid)
            if process is None or process.nodes or (pid + self._scans) % RECHECK_SCANS == 0:
                process = self._processes[pid] = self._examine(pid, process)
            if process.is_refused:
                self._unreadable[pid] = frozenset()
            elif process.nodes:
                self._read_clients(pid, process, nodes, now)

    def _examine(self, pid: int, known: _Process | None) -> _Process:
        folder = f"proc/{pid}/fd"
        process = _Process()
        try:
            descriptors = self._host.names(folder)
        except PermissionError:
            process.is_refused = True
            return process
        except OSError:  # it has ended
            return process
        for number in descriptors:
            try:
                target = self._host.link(f"{folder}/{number}")
            except OSError:
                continue
            if "/dev/dri/" in target:
                process.nodes[number] = target.rpartition("/")[2].partition(" ")[0]
        if process.nodes:
            process.name = self._text(f"proc/{pid}/comm").strip()
            found = CONTAINER.search(self._text(f"proc/{pid}/cgroup"))
            process.container_id = found[1] if found else ""
        return process

    def _read_clients(self, pid: int, process: _Process, nodes: dict[str, str], now: float) -> None:
        for number, node in process.nodes.items():
            if node not in nodes:  # a sleeping card's, or another maker's: reading may wake it
                continue
            try:
                client = parse_fdinfo(read_text(self._host, f"proc/{pid}/fdinfo/{number}"))
            except PermissionError:
                self._unreadable[pid] = self._unreadable.get(pid, frozenset()) | {nodes[node]}
                continue
            except OSError:
                continue
            if client is not None:
                seen = Seen(client=client, pid=pid, name=process.name, container=process.container_id, at=now)
                self._on_host.append(seen)

    def _merge(
        self, awake: frozenset[str], containers: tuple[ContainerFdinfo, ...], now: float
    ) -> list[Seen]:
        """Each client once, with its rates."""
        names = {one.container_id: one.name for one in containers if one.container_id}
        found: dict[tuple[str, int], Seen] = {}
        for seen in self._on_host:
            if seen.client.key not in found and seen.client.address in awake:
                container = names.get(seen.container, seen.container[:SHORT_ID])
                found[seen.client.key] = replace(seen, container=container)
        for answer in containers:
            for seen in self._of_container(answer, now):
                known = found.get(seen.client.key)
                if known is None and seen.client.address in awake:
                    found[seen.client.key] = seen
                elif known is not None and not known.container:
                    found[seen.client.key] = replace(known, container=seen.container)
        self._answers = {one.name: self._answers[one.name] for one in containers}
        return [self._rated(seen) for seen in found.values()]

    def _of_container(self, answer: ContainerFdinfo, now: float) -> list[Seen]:
        """Answers come seldom and are given to us again and again: each counts, and is parsed, once."""
        known = self._answers.get(answer.name)
        if known is None or known[0] is not answer:
            at = answer.at or now
            seen = [
                Seen(client=client, pid=pid, name=answer.name, container=answer.name, at=at)
                for pid, client in parse_grep(answer.text)
            ]
            self._answers[answer.name] = known = (answer, seen)
        return known[1]

    def _rated(self, seen: Seen) -> Seen:
        before = self._before.get(seen.client.key)
        if before is None:
            return seen
        if before.at >= seen.at:  # the same look
            return replace(seen, rates=before.rates)
        return replace(seen, rates=rates_pct(before.client, seen.client, seen.at - before.at))

    def _text(self, path: str) -> str:
        try:
            return read_text(self._host, path)
        except OSError:
            return ""
