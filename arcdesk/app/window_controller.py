"""Connects the chat window to the services: wishes down, state, messages and tokens up."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox

from arcdesk.app import actions
from arcdesk.core.chat import ChatEvent, Message, MessageState, Role, ThoughtArrived, TokenArrived
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.core.settings import Settings
from arcdesk.core.store import AppState
from arcdesk.desktop.activation import bring_to_front
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.storage import paths
from arcdesk.ui import theme
from arcdesk.ui.first_run import FirstRunMemory
from arcdesk.ui.main_window import MainWindow
from arcdesk.ui.phase_words import look

if TYPE_CHECKING:
    from arcdesk.app.session import Session

log = logging.getLogger(__name__)


class WindowController:
    """Owns the window. Everything it starts runs as a task of the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tasks = session.tasks
        self._shown_conversation = -1
        self._is_asking = False  # from Enter until the question is stored
        self._prompt_of = -1  # the conversation whose draft was brought into the prompt
        self._began_a_chat = False  # its first question was sent: what stands in the prompt belongs to it
        memory = QSettings(str(paths.state_dir() / "window.ini"), QSettings.Format.IniFormat)
        self.window = MainWindow(memory)
        self._theme = session.settings.theme
        self._has_met_cards = False
        self._unfollow = theme.follow(session.app, self._theme, self._on_palette)
        session.settings_changed.append(self._on_settings)
        self._connect()
        session.tools.setup.serve_card(self.window.welcome.first_run, FirstRunMemory(memory))
        self._tasks.spawn(self._open_history(), name="open the conversations")

    def _on_palette(self, palette: theme.Palette) -> None:
        theme.apply(self._session.app, palette)
        self.window.set_palette_colors(palette)

    def _on_settings(self, settings: Settings) -> None:
        if settings.theme != self._theme:
            self._theme = settings.theme
            self._unfollow()
            self._unfollow = theme.follow(self._session.app, self._theme, self._on_palette)

    def _connect(self) -> None:
        session, window = self._session, self.window
        session.bridge.state_changed.connect(window.present)
        session.bridge.state_changed.connect(self._on_state)
        window.close_requested.connect(self._on_close)
        window.shown.connect(self._on_shown)
        window.quit_requested.connect(session.quit)
        card = window.engine_card
        card.start_requested.connect(session.start_engine)
        card.stop_requested.connect(session.stop_engine)
        card.restart_requested.connect(session.restart_engine)
        card.log_requested.connect(lambda: actions.show_log(session, window))
        for source in (card, window.notice, window.transcript):
            source.action_requested.connect(lambda action: session.perform(action))
        window.conversations.models_requested.connect(lambda: session.tools.open_models())
        window.conversations.gpu_requested.connect(lambda: session.cards.open())
        window.conversations.bench_requested.connect(lambda: session.open_bench())
        window.conversations.live_requested.connect(lambda: session.open_live())
        window.conversations.settings_requested.connect(lambda: session.tools.open_settings())
        window.conversations.doctor_requested.connect(lambda: session.tools.open_doctor())
        window.notice.dismissed.connect(self._dismiss_notice)
        window.prompt.submitted.connect(self._on_submit)
        window.prompt.stop_requested.connect(self._on_stop)
        window.prompt.draft_changed.connect(self._on_draft)
        chats = window.conversations
        chats.new_requested.connect(lambda: self._select(0))
        chats.selected.connect(self._select)
        chats.rename_requested.connect(self._on_rename)
        chats.delete_requested.connect(self._on_delete)
        window.transcript.link_requested.connect(self._on_link)
        window.transcript.copy_requested.connect(lambda text: QGuiApplication.clipboard().setText(text))
        window.present(session.store.state)

    # showing

    def show(self, token: str = "") -> None:
        """Show the window and bring it to the front; `token` is the desktop's leave to do so."""
        bring_to_front(self.window, token)

    async def _open_history(self) -> None:
        chat = await self._session.chat()
        chat.listen(
            ChatListener(
                on_event=self._on_event,
                on_message=self._on_message,
                on_removed=self._on_removed,
                on_restated=self._on_restated,
            )
        )
        await self._load(self._session.store.state.active_conversation)

    def _on_shown(self) -> None:
        """Somebody looks: check the engine. The embedded one begins by itself, so that the chat works."""

        async def begin() -> None:
            engine = self._session.engine
            await engine.settle()
            engine.look()
            if engine.snapshot.kind is EngineKind.EMBEDDED and engine.snapshot.phase is EnginePhase.STOPPED:
                await engine.start()

        self._tasks.spawn(begin(), name="begin the embedded engine", is_shown_elsewhere=True)
        if not self._has_met_cards:
            self._has_met_cards = True
            self._tasks.spawn(self._meet_cards(), name="meet the cards", is_shown_elsewhere=True)

    async def _meet_cards(self) -> None:
        await self._session.load("live_parts", "card_parts")
        self._session.live.offer(self.window)
        await self._session.cards.offer_strip(self.window.engine_card)

    def _on_state(self, state: AppState) -> None:
        if state.active_conversation != self._shown_conversation and self._shown_conversation >= 0:
            if not self._began_a_chat:
                self.window.prompt.flush_draft()
                self.window.prompt.clear()
            self._began_a_chat = False
            self._shown_conversation = state.active_conversation  # at once: the task may come late
            self._tasks.spawn(self._load(state.active_conversation), name="show a conversation")
        self._tell_waiting(state)

    async def _load(self, conversation_id: int) -> None:
        self._shown_conversation = conversation_id
        chat = await self._session.chat()
        draft = await chat.draft(conversation_id)
        messages = await chat.messages(conversation_id)  # last: a message added later is told after it
        if conversation_id != self._session.store.state.active_conversation:
            return  # another one was chosen meanwhile
        self._bring_draft(conversation_id, draft)
        self.window.transcript.show_messages(messages)
        self._tell_waiting(self._session.store.state)

    def _on_restated(self, conversation_id: int, message: Message) -> None:
        if conversation_id == self._shown_conversation:
            self.window.transcript.finish_answer(message)

    def _on_removed(self, conversation_id: int) -> None:
        if conversation_id == self._shown_conversation:
            self._tasks.spawn(self._show_again(conversation_id), name="show a conversation again")

    async def _show_again(self, conversation_id: int) -> None:
        messages = await (await self._session.chat()).messages(conversation_id)
        if conversation_id == self._shown_conversation:
            self.window.transcript.show_messages(messages)
            self._tell_waiting(self._session.store.state)

    def _bring_draft(self, conversation_id: int, draft: str) -> None:
        """Put a stored draft into the prompt box, before what was typed while it was fetched."""
        typed = self.window.prompt.text
        if draft and draft != typed:
            self.window.prompt.set_text(f"{draft}{typed}")
        self._prompt_of = conversation_id
        if typed:  # its own announcement came too early to be kept
            self._on_draft(self.window.prompt.text)

    # the chat

    def _on_submit(self, text: str) -> None:
        """Ask. The prompt keeps the text until the question is stored, so that nothing typed can be lost."""
        if self._is_asking:
            return  # Enter pressed twice
        self._is_asking = True
        conversation_id = self._session.store.state.active_conversation
        self._began_a_chat = not conversation_id  # then the box goes over to the new chat as it is

        async def ask() -> None:
            try:
                chat = await self._session.chat()
                await chat.ask(text, conversation_id)
            finally:
                self._is_asking = self._began_a_chat = False

        self._tasks.spawn(ask(), name="ask")

    def _on_stop(self) -> None:
        conversation_id = self._session.store.state.active_conversation

        async def stop() -> None:
            await (await self._session.chat()).stop(conversation_id)

        self._tasks.spawn(stop(), name="stop the answer")

    def _on_message(self, conversation_id: int, message: Message) -> None:
        if message.role is Role.USER:
            self._is_asking = False
            if self.window.prompt.text.strip("\n") == message.text:
                self.window.prompt.clear()
        if conversation_id != self._shown_conversation:
            return
        transcript = self.window.transcript
        if message.role is Role.USER:
            transcript.append_message(message)
        elif message.state is MessageState.WAITING:
            transcript.begin_answer(message.id)
            self._tell_waiting(self._session.store.state)
        else:
            transcript.finish_answer(message)

    def _on_event(self, conversation_id: int, message_id: int, event: ChatEvent) -> None:
        if conversation_id != self._shown_conversation:
            return
        if isinstance(event, TokenArrived):
            self.window.transcript.feed(message_id, event.text)
        elif isinstance(event, ThoughtArrived):
            self.window.transcript.feed_thought(message_id, event.text)

    def _tell_waiting(self, state: AppState) -> None:
        """While a question waits for its engine, say what the engine does."""
        chat = self._session.chat_or_none
        if state.active_conversation not in state.answering or chat is None:
            return
        message_id = chat.waiting_message(state.active_conversation)
        if message_id:
            ready = state.engine.phase is EnginePhase.READY
            text = (
                "Waiting for the first word…"
                if ready
                else f"Waiting for the engine: {look(state).label.lower()}…"
            )
            self.window.transcript.set_waiting(message_id, text)

    def _on_draft(self, text: str) -> None:
        conversation_id = self._shown_conversation
        # Its stored draft is still on its way here: don't replace it. -1 is the quick prompt's own, too.
        if conversation_id < 0 or conversation_id != self._prompt_of:
            return

        async def save() -> None:
            await (await self._session.chat()).save_draft(conversation_id, text)

        self._tasks.spawn(save(), name="keep the draft")

    # conversations

    def _select(self, conversation_id: int) -> None:
        if (chat := self._session.chat_or_none) is not None:
            chat.select(conversation_id)
        self.window.prompt.setFocus()

    def _on_rename(self, conversation_id: int, title: str) -> None:
        async def rename() -> None:
            await (await self._session.chat()).rename(conversation_id, title)

        self._tasks.spawn(rename(), name="rename a chat")

    def _on_delete(self, conversation_id: int) -> None:
        async def delete() -> None:
            await (await self._session.chat()).delete(conversation_id)
            undo = Action(kind=ActionKind.UNDO_DELETE, label="Undo", target=str(conversation_id))
            self._session.notices.add(Problem(cause="deleted", title="The chat was deleted", actions=(undo,)))

        self._tasks.spawn(delete(), name="delete a chat")

    # actions

    def _dismiss_notice(self) -> None:
        self._session.notices.dismiss_newest()

    def _on_link(self, url: str) -> None:
        """A link of an answer is opened only after a person has seen where it leads."""
        box = QMessageBox(self.window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.window.tr("Open a link?"))
        box.setText(self.window.tr("The answer links to another place. Open it in the browser?"))
        box.setInformativeText(url)
        box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
        box.accepted.connect(lambda: QDesktopServices.openUrl(url))
        box.open()

    # closing

    def _on_close(self, event: QCloseEvent) -> None:
        session = self._session
        self.window.prompt.flush_draft()
        if session.tray.has_host:
            event.accept()
            if not session.settings.stay_in_tray:
                session.quit()
        elif session.settings.confirmed_close_without_tray:
            event.accept()
            session.quit()
        else:
            QTimer.singleShot(0, self._ask_before_close)

    def _ask_before_close(self) -> None:
        """No panel shows our icon: closing the window would leave nothing to click. Asked once."""
        box = QMessageBox(self.window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.window.tr("Quit ArcDesk?"))
        box.setText(self.window.tr("This desktop shows no tray icons. Closing the window quits ArcDesk."))
        box.setInformativeText(
            self.window.tr("A container goes on running; the embedded engine ends. This is asked once.")
        )
        quit_button = box.addButton(self.window.tr("Quit"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(quit_button)

        def decided() -> None:
            if box.clickedButton() is quit_button:
                settings = replace(self._session.settings, confirmed_close_without_tray=True)
                self._session.settings = settings
                self._session.keep(settings)
                self._session.quit()

        box.finished.connect(decided)
        box.open()

    async def keep_draft(self) -> None:
        """Store what stands in the prompt box, and hide the window: the app is about to end."""
        self.window.remember()
        self.window.hide()
        try:
            chat = await self._session.chat()
            conversation_id = max(0, self._shown_conversation)
            if conversation_id != self._prompt_of:
                self._bring_draft(conversation_id, await chat.draft(conversation_id))
            await chat.save_draft(conversation_id, self.window.prompt.text)
        except ArcDeskError as error:  # it was shown when it began; the rest must be taken down all the same
            log.info("the draft was not kept: %s", error)

    def close(self) -> None:
        """Delete the window, when nothing tells it anything any more."""
        self._unfollow()
        self.window.deleteLater()
