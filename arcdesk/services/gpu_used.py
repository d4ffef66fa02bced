"""Collects the evidence around a start of the engine: is the card really used?"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from arcdesk.core.chat import AnswerFailed, ChatRequest, Message, Role
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.gpu import ContainerFdinfo, Figure, GpuReading, GpuSnapshot, Unknown, Why
from arcdesk.core.gpu_used import JUMP_MIN_BYTES, judge
from arcdesk.core.gpu_used_values import CardEvidence, UsedEvidence, UsedVerdict
from arcdesk.core.ports import ChatBackend, Endpoint
from arcdesk.services.gpu_history import compute_pct, highest
from arcdesk.services.gpu_service import GpuService

log = logging.getLogger(__name__)

PROBE = "Count from one to forty in words."
PROBE_TOKENS = 48
PROBE_PATIENCE_S = 15.0
QUIET_S = 0.6  # between two looks at the card that waits
LOOK_EVERY_S = 0.25  # while the test question is answered

_NOT_LOOKED = Unknown(Why.SECOND_LOOK, "The engine had started before ArcDesk looked.")
_NOT_ASKED = Unknown(Why.NOT_PROVIDED, "The container's programs could not be asked.")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedWish:
    """What the engine was told to use."""

    container: str  # its name
    devices: tuple[str, ...]  # by the settings; empty: no card is passed on
    cards: int = 1  # tensor parallel times pipeline parallel
    affinity_mask: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looks:
    """A card's readings: before the start, ready and quiet, at work, and the last with new answers."""

    before: GpuReading | None
    quiet: GpuReading | None
    at_work: tuple[GpuReading, ...]
    last: GpuReading


class GpuUsedCheck:
    """For the container engine only. Methods belong to the loop's thread; neither raises ArcDeskError."""

    def __init__(
        self,
        gpu: GpuService,
        backend: ChatBackend,
        *,
        is_asked: Callable[[], bool] = lambda: False,
        quiet_s: float = QUIET_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._gpu = gpu
        self._backend = backend
        self._is_asked = is_asked
        self._quiet_s = quiet_s
        self._look_every_s = look_every_s
        self._before: tuple[GpuSnapshot, ...] = ()

    async def before_start(self) -> None:
        """The engine is about to start: remember what the cards hold."""
        self._before = ()
        await self._look_before()

    async def just_started(self) -> None:
        """Its container runs and loads nothing yet. One that was replaced has only now let the card go."""
        await self._look_before()

    async def _look_before(self) -> None:
        look = await self._look()  # at once: asking containers may take seconds
        if look is not None and any(not card.vram_used_bytes.is_known for card in look.cards):
            look = await self._look(asks=True) or look  # then only programs tell what the cards hold
        if look is not None:
            self._before = (*self._before, look)

    def forget(self) -> None:
        """The start came to nothing."""
        self._before = ()

    async def at_ready(
        self, endpoint: Endpoint, *, wish: UsedWish, log_device: str | None = None
    ) -> UsedVerdict:
        """The engine answers: ask it a short test question, look at the cards meanwhile, and judge."""
        before, self._before = self._before, ()
        first = await self._look()
        if first is not None and not first.cards:
            return judge(UsedEvidence())  # a machine without a card is not bothered with a test question
        await asyncio.sleep(self._quiet_s)
        quiet = await self._look(asks=True)
        at_work = await self._during_probe(endpoint)
        last = await self._look(asks=True)
        answer = next((one for one in self._gpu.answers if one.name == wish.container), None)
        cards = last.cards if last is not None else ()
        looks = [
            _Looks(
                before=_emptiest(before, card.address),
                quiet=_card_in(quiet, card.address),
                at_work=tuple(
                    one for one in (_card_in(look, card.address) for look in at_work) if one is not None
                ),
                last=card,
            )
            for card in cards
        ]
        verdict = judge(
            UsedEvidence(
                cards=tuple(card_evidence(one, wish.container, answer) for one in looks),
                log_device=log_device,
                devices=_devices(answer, wish),
                cards_wanted=max(1, wish.cards),
                affinity_mask=wish.affinity_mask,
                why_hidden=answer.error if answer is not None else "",
            )
        )
        log.info("card used: %s %s", verdict.state.value, verdict.reason)
        return verdict

    async def _look(self, *, asks: bool = False) -> GpuSnapshot | None:
        try:
            return await self._gpu.sample_once(asks_containers=asks)
        except ArcDeskError as error:
            log.warning("the cards could not be looked at: %s", error)
            return None

    async def _during_probe(self, endpoint: Endpoint) -> list[GpuSnapshot]:
        """Looks while an answer is made: a person's own if there is one, else that to a test question."""
        asking = None if self._is_asked() else asyncio.ensure_future(self._ask(endpoint))
        looks: list[GpuSnapshot] = []
        try:
            async with asyncio.timeout(PROBE_PATIENCE_S):
                while True:
                    await asyncio.sleep(self._look_every_s)
                    look = await self._look()
                    if look is not None:
                        looks.append(look)
                    if asking.done() if asking is not None else not self._is_asked() or len(looks) > 8:
                        return looks
        except TimeoutError:
            return looks
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self, endpoint: Endpoint) -> None:
        request = ChatRequest(
            messages=(Message(role=Role.USER, text=PROBE),), temperature=0.0, max_tokens=PROBE_TOKENS
        )
        async with contextlib.aclosing(self._backend.ask(endpoint, request)) as events:
            async for event in events:
                if isinstance(event, AnswerFailed):
                    log.info("the test question failed: %s", event.problem.sentence())


def card_evidence(looks: _Looks, container: str, answer: ContainerFdinfo | None) -> CardEvidence:
    """One card's evidence from its readings."""
    last, quiet = looks.last, looks.quiet
    before_bytes, ready_bytes = _memory(looks.before, quiet if quiet is not None else last)
    working = looks.at_work
    return CardEvidence(
        address=last.address,
        name=last.name,
        is_integrated=last.is_integrated,
        is_asleep=last.is_asleep and all(one.is_asleep for one in working),
        has_driver=bool(last.driver) and not last.problem,
        memory_before_bytes=before_bytes,
        memory_ready_bytes=ready_bytes,
        held_bytes=_held(last, container, answer),
        busy_before_pct=_figure([highest(quiet.busy_pct)] if quiet else []),
        busy_probe_pct=_figure([highest(one.busy_pct) for one in working]),
        engine_before_pct=_figure([compute_pct(quiet)] if quiet else []),
        engine_probe_pct=_figure([compute_pct(one) for one in (*working, last)]),
        power_before_w=_figure([quiet.power_w.value] if quiet else []),
        power_probe_w=_figure([one.power_w.value for one in working]),
        act_before_mhz=_whole(_figure([highest(quiet.act_mhz)] if quiet else [])),
        act_probe_mhz=_whole(_figure([highest(one.act_mhz) for one in working])),
    )


def _memory(before: GpuReading | None, ready: GpuReading) -> tuple[Figure[int], Figure[int]]:
    """What the card held before and at READY, by the same measure."""
    now = ready.shared_used_bytes if ready.is_integrated else ready.vram_used_bytes
    if before is None:
        return Figure(unknown=_NOT_LOOKED), now
    then = before.shared_used_bytes if before.is_integrated else before.vram_used_bytes
    if (then.is_known and now.is_known) or ready.is_integrated:
        return then, now
    least_then, least_now = before.vram_used_at_least_bytes.value, ready.vram_used_at_least_bytes.value
    if least_then is not None and least_now is not None and least_now - least_then >= JUMP_MIN_BYTES:
        return before.vram_used_at_least_bytes, ready.vram_used_at_least_bytes
    return then, now  # a lower bound that stood still proves nothing


def _held(card: GpuReading, container: str, answer: ContainerFdinfo | None) -> Figure[int]:
    """What the container's programs hold of the card. 0 is known only when the container did answer."""
    ours = [client for client in card.clients if container and client.container == container]
    held = sum(client.shared_bytes if card.is_integrated else client.vram_bytes for client in ours)
    if held:
        return Figure(held, source="docker exec")
    if answer is None or not answer.text or card.is_asleep:
        detail = answer.error if answer is not None and answer.error else _NOT_ASKED.detail
        return Figure(unknown=Unknown(Why.NOT_PROVIDED, detail))
    return Figure(0, source="docker exec")


def _devices(answer: ContainerFdinfo | None, wish: UsedWish) -> tuple[str, ...] | None:
    """What the container was given: by Docker's word, else by the settings if they give nothing."""
    if answer is not None:
        return answer.devices
    return None if wish.devices else ()


def _card_in(look: GpuSnapshot | None, address: str) -> GpuReading | None:
    cards = look.cards if look is not None else ()
    return next((card for card in cards if card.address == address), None)


def _emptiest(looks: Sequence[GpuSnapshot], address: str) -> GpuReading | None:
    """The look at which this card held least."""
    cards = [card for card in (_card_in(look, address) for look in looks) if card is not None]
    return min(cards, key=_held_in_all, default=None)


def _held_in_all(card: GpuReading) -> int:
    memory = card.shared_used_bytes if card.is_integrated else card.vram_used_bytes
    known = memory.value if memory.is_known else card.vram_used_at_least_bytes.value
    return known if known is not None else 1 << 62


def _figure(values: Sequence[float | None]) -> Figure[float]:
    """The highest of what is known."""
    known = [value for value in values if value is not None]
    return Figure(max(known)) if known else Figure()


def _whole(figure: Figure[float]) -> Figure[int]:
    return Figure(None if figure.value is None else int(figure.value))
