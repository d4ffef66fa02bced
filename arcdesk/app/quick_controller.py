"""Connects the quick prompt to the services: shows and hides it, and does what is asked for in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from arcdesk.app import quick_actions, quick_move
from arcdesk.app.quick_attached import QuickAttached
from arcdesk.app.quick_question import needs_text, question_of, selection_reason, unasked
from arcdesk.app.quick_region import QuickRegion
from arcdesk.app.quick_talk import QuickTalk
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import Action, ArcDeskError, Problem
from arcdesk.core.presets import Preset, all_presets
from arcdesk.core.quick import with_attached
from arcdesk.core.settings import Settings
from arcdesk.core.store import AppState
from arcdesk.desktop.insert_x11 import WindowBefore
from arcdesk.ui import theme
from arcdesk.ui.open_link import ask_to_open
from arcdesk.ui.quick_foot import QuickView
from arcdesk.ui.quick_prompt import QuickPrompt
from arcdesk.ui.quick_words import engine_words, tr
from arcdesk.ui.transcript_words import live_line, unknown_reason

if TYPE_CHECKING:
    from arcdesk.app.session import Session

INSIST_AFTER_MS = 150  # a window manager that gives us no keyboard by then is asked in another way
BLUR_GRACE_MS = 200


class QuickController:
    """Owns the bar. Made at the first press (or earlier, when there is time); needs a running loop."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._before = WindowBefore()
        self._has_woken = False  # the embedded engine was begun for this showing
        self._said = ""  # shown until something else happens
        self._was_answering = False
        self.bar = QuickPrompt(is_translucent=self._before.has_compositor)
        self._unfollow = theme.follow(session.app, session.settings.theme, self._on_palette)
        self._presets: tuple[Preset, ...] = ()
        self._settings = session.settings
        self.apply_settings(session.settings)
        self._insist = self._single_shot(INSIST_AFTER_MS, self._on_reluctance)
        self._blur = self._single_shot(BLUR_GRACE_MS, self._on_blurred)
        self._talk = QuickTalk(session, self.bar, self._refresh)
        self._attached = QuickAttached(self.bar, self._say)
        self._region = QuickRegion(session, self._attached, self.hide, self._come_back)
        self._connect()
        self.bar.place_on(QGuiApplication.primaryScreen())
        self.bar.winId()  # the window exists from now on: showing it is quick
        self._refresh()

    def _single_shot(self, interval_ms: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self.bar, singleShot=True, interval=interval_ms)
        timer.timeout.connect(slot)
        return timer

    def _connect(self) -> None:
        bar, talk = self.bar, self._talk
        self._session.bridge.state_changed.connect(self._on_state)
        bar.submitted.connect(self._on_submit)
        bar.hide_requested.connect(self.hide)
        bar.stop_requested.connect(talk.stop)
        bar.new_requested.connect(self._on_new)
        bar.move_requested.connect(self._on_move)
        bar.region_requested.connect(self._region.take)
        bar.copy_requested.connect(self._on_copy)
        bar.insert_requested.connect(self._on_insert)
        bar.older_requested.connect(self._on_older)
        bar.newer_requested.connect(self._on_newer)
        bar.deactivated.connect(self._on_deactivated)
        bar.edit.edited.connect(self._on_edited)
        bar.edit.draft_changed.connect(lambda _: talk.keep_draft())
        bar.transcript.link_requested.connect(lambda url: ask_to_open(bar, url))
        bar.transcript.copy_requested.connect(lambda text: QGuiApplication.clipboard().setText(text))
        for source in (bar.transcript, bar.notice):
            source.action_requested.connect(self._on_action)

    def apply_settings(self, settings: Settings) -> None:
        """Take other settings."""
        if settings.theme != self._settings.theme:
            self._unfollow()
            self._unfollow = theme.follow(self._session.app, settings.theme, self._on_palette)
        self._settings = settings
        self._presets = all_presets(settings.presets)
        self.bar.set_presets(self._presets)

    def _on_palette(self, palette: theme.Palette) -> None:
        app = self._session.app
        if app.styleSheet() != theme.style_sheet(palette):  # the main window may have done it
            theme.apply(app, palette)
        self.bar.set_palette_colors(palette)

    # showing and hiding

    def present(self, token: str = "") -> None:
        """Show the bar with the keyboard in it. `token`: the desktop's leave to take the keyboard."""
        bar = self.bar
        if token:  # Qt gives it to the compositor with the next activation
            os.environ["XDG_ACTIVATION_TOKEN"] = token
        if not bar.isVisible():
            self._before.remember()
            bar.set_round(self._before.has_compositor)
            self._has_woken = False
            if bar.text and not unasked(bar.text, self._talk.asked):
                bar.edit.selectAll()
            self._refresh(is_shown=True)
            QTimer.singleShot(0, bar, self._after_show)
        bar.appear()
        self._insist.start()

    def toggle(self, token: str = "") -> None:
        """Show it; hide it if it has the keyboard."""
        if self.bar.isVisible() and self.bar.isActiveWindow():
            self.hide()
        else:
            self.present(token)

    def ask(self, text: str, token: str = "") -> None:
        """Show it and ask this, in a conversation of its own. A line not asked yet stays in the prompt."""
        self.present(token)
        text = text.strip("\n")
        if not text.strip():
            return
        if not unasked(self.bar.text, self._talk.asked):
            self.bar.edit.set_text(text)
        if needs_text(text, (), self._presets):
            self._attached.offer()
            return
        self._talk.ask(question_of(text, (), self._presets), text, anew=True)

    def hide(self) -> None:
        """Hide it; the window before has the keyboard again. An answer on its way goes on and is kept."""
        self._insist.stop()
        self._blur.stop()
        self.bar.edit.flush_draft()
        self.bar.hide()

    def _after_show(self) -> None:
        """What can wait until the bar is seen: look how the engine is."""

        async def look() -> None:
            await self._session.engine.settle()
            self._session.engine.look()

        self._session.tasks.spawn(look(), name="look at the engine", is_shown_elsewhere=True)
        if self._settings.quick_takes_clipboard:
            self._attached.attach_new_clipboard()

    def _on_reluctance(self) -> None:
        if self.bar.isVisible() and not self.bar.isActiveWindow():
            self._before.insist(int(self.bar.winId()))

    def _on_deactivated(self) -> None:
        self._insist.stop()  # it had the keyboard, and somebody took it: that is the person's will
        if self._settings.quick_hides_on_blur:
            self._blur.start()

    def _on_blurred(self) -> None:
        """Another program has the keyboard since a moment. In the middle of an answer the bar stays."""
        is_ours = QApplication.activeWindow() is not None or QApplication.activePopupWidget() is not None
        if not is_ours and not self._talk.is_answering:
            self.hide()

    # the state

    def _on_state(self, _state: AppState) -> None:
        if self.bar.isVisible():
            self._refresh()

    def _refresh(self, *, is_shown: bool = False) -> None:
        """Bring the bar up to date; while it is hidden, when it is shown."""
        if not (is_shown or self.bar.isVisible()):
            return
        talk = self._talk
        talk.tell_waiting()
        if self._was_answering and not talk.is_answering:
            self._said = ""  # it was about the answer, or is old by now
        self._was_answering = talk.is_answering
        self.bar.present(
            QuickView(
                is_answering=talk.is_answering,
                has_talk=talk.has_messages,
                has_answer=bool(talk.answer),
                status=self._status(),
                status_reason=unknown_reason(talk.last.stats) if talk.last else "",
                insert_reason=self._before.reason,
                selection_reason=selection_reason(),
                problem=talk.problem,
            )
        )

    def _status(self) -> str:
        if self._said:
            return self._said
        if self._talk.is_answering:
            return tr("Answering… Ctrl+. stops")
        last = self._talk.last
        if last and last.problem:  # the answer says it already
            return live_line(last)
        return engine_words(self._session.store.state) or (live_line(last) if last else "")

    def _say(self, text: str) -> None:
        self._said = text
        self._refresh()

    def _on_edited(self) -> None:
        self._talk.recall.stay()
        if self._said:
            self._say("")
        if not self._has_woken:
            self._has_woken = True
            work = self._wake_engine()  # it will be needed in a moment
            self._session.tasks.spawn(work, name="begin the embedded engine", is_shown_elsewhere=True)

    async def _wake_engine(self) -> None:
        engine = self._session.engine
        await engine.settle()
        if engine.snapshot.kind is EngineKind.EMBEDDED and engine.snapshot.phase is EnginePhase.STOPPED:
            await engine.start()

    # wishes

    def _on_submit(self, typed: str) -> None:
        if self._talk.is_answering:
            self._say(tr("Still answering. Ctrl+. stops it."))
        elif not self._attached.pictures and needs_text(typed, self._attached.items, self._presets):
            self._attached.offer()
        else:
            self._said = ""
            question = question_of(typed, self._attached.items, self._presets)
            images = self._attached.images
            self._attached.clear()
            self._talk.ask(question, typed, images=images)

    def _on_new(self) -> None:
        typed = unasked(self.bar.text, self._talk.asked)
        self._talk.begin_anew()
        self.bar.edit.set_text(typed)

    def _come_back(self, problem: Problem | None) -> None:
        """The person has chosen a part of the screen, or could not."""
        self._talk.problem = problem or self._talk.problem
        self.present()

    def _on_move(self) -> None:
        if self._attached.pictures:  # the chat window's prompt holds text only
            self._say(tr("Ask first, or remove the picture: it can't move along unasked."))
            return
        self._session.tasks.spawn(self._move(), name="move into the chat")

    async def _move(self) -> None:
        talk = self._talk
        await talk.until_begun()
        typed = unasked(self.bar.text, talk.asked)
        conversation_id, draft = talk.conversation_id, with_attached(typed, self._attached.items)
        await quick_move.move(self._session, conversation_id, draft)
        talk.forget()
        self._attached.clear()
        self.bar.edit.set_text("")
        self.hide()
        await talk.store_draft()

    def _on_copy(self) -> None:
        if self._talk.answer:
            QGuiApplication.clipboard().setText(self._talk.answer)
            self._say(tr("Copied."))

    def _on_insert(self) -> None:
        if self._talk.answer and not self._before.reason:
            self._session.tasks.spawn(self._insert(self._talk.answer), name="insert the answer")

    async def _insert(self, text: str) -> None:
        self.hide()
        try:
            await self._before.insert(text)
        except ArcDeskError as error:
            self._talk.problem = error.problem
            self.present()

    def _on_older(self) -> None:
        if (line := self._talk.recall.older(self.bar.text)) is not None:
            self.bar.edit.set_text(line)

    def _on_newer(self) -> None:
        if (line := self._talk.recall.newer()) is not None:
            self.bar.edit.set_text(line)

    def _on_action(self, action: Action) -> None:
        self._talk.problem = None
        if quick_actions.perform(self._session, self._talk, action):
            self._refresh()
        else:
            self.hide()

    async def keep_draft(self) -> None:
        """Store what stands in the prompt now: the desktop's session may end."""
        await self._talk.store_draft()

    async def aclose(self) -> None:
        """Keep the draft, and delete the bar: the app is about to end."""
        self._session.bridge.state_changed.disconnect(self._on_state)
        self.bar.hide()
        await self._region.aclose()
        await self._talk.aclose()
        self._unfollow()
        self._before.close()
        self.bar.deleteLater()
