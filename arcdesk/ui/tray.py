"""The tray icon with its menu: shows the engine's state and passes on what the person wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from arcdesk.core.store import AppState
from arcdesk.ui.phase_words import TrayShape, look, rate_text, tooltip
from arcdesk.ui.tray_host import TrayHostWatch
from arcdesk.ui.tray_icon import STILL_STEP, panel_tone, tray_icon

FRAME_MS = 500


class Tray(QObject):
    """Shows `render`ed states; a signal for each wish. Left click opens the chat, the menu has everything."""

    start_requested = Signal()
    stop_requested = Signal()
    restart_requested = Signal()
    open_chat_requested = Signal()
    quick_prompt_requested = Signal()
    models_requested = Signal()
    gpu_requested = Signal()
    bench_requested = Signal()
    settings_requested = Signal()
    doctor_requested = Signal()
    menu_opened = Signal()  # somebody looks: the cards are worth a sample
    menu_closed = Signal()
    quit_requested = Signal()
    host_found = Signal()
    host_missing = Signal()  # no panel shows tray icons: open a window instead

    def __init__(self, *, reduced_motion: bool = False, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = AppState()
        self._rate = ""
        self._reduced_motion = reduced_motion
        self._step = STILL_STEP
        self._icon: QSystemTrayIcon | None = None
        self._menu = QMenu()
        self._build_menu()
        self._frames = QTimer(self)
        self._frames.setInterval(FRAME_MS)
        self._frames.timeout.connect(self._on_frame)
        self._host = TrayHostWatch(self)
        self._host.icon_unseen.connect(self._make_icon)
        self._host.found.connect(self._on_host_found)
        self._host.missing.connect(self.host_missing)
        self._hints = cast(QGuiApplication, QGuiApplication.instance()).styleHints()
        self._hints.colorSchemeChanged.connect(self._on_scheme_changed)
        self.render(self._state)

    def render(self, state: AppState) -> None:
        """Show `state`. May be called as often as one likes."""
        is_new_look = look(state) is not look(self._state)
        self._state = state
        phase = state.engine.phase
        self._say_state()
        self._start.setEnabled(phase.can_start)
        self._stop.setEnabled(phase.can_stop)
        self._restart.setEnabled(phase.can_stop)
        if is_new_look:
            self._step = STILL_STEP
            self._draw()
            self._run_frames()

    def set_rate(self, tokens_per_s: float | None, *, is_estimate: bool = False) -> None:
        """How fast answers come, or the last one came; None where that is unknown."""
        rate = rate_text(tokens_per_s, is_estimate=is_estimate)
        if rate != self._rate:
            self._rate = rate
            self._say_state()

    def _say_state(self) -> None:
        text = tooltip(self._state, self._rate)
        self._state_line.setText(text.replace("&", "&&"))
        if self._icon is not None:
            self._icon.setToolTip(text)

    def set_quick_key(self, key: str) -> None:
        """Name the key that opens the quick prompt, as the desktop calls it; '' while there is none."""
        text = self.tr("Quick prompt")
        self._quick.setText(f"{text}  ({key})" if key else text)

    def set_gpu_lines(self, lines: Sequence[str]) -> None:
        """What the cards do, a line each, under the engine's state; one that says so while nobody looked.

        There is always a line: some panels do not let a menu grow that is open already.
        """
        lines = lines or [self.tr("Graphics cards: –")]
        for action in self._gpu_lines[len(lines) :]:
            self._menu.removeAction(action)
            action.deleteLater()
        del self._gpu_lines[len(lines) :]
        while len(self._gpu_lines) < len(lines):
            action = QAction(self._menu, enabled=False)
            self._menu.insertAction(self._after_lines, action)
            self._gpu_lines.append(action)
        for action, line in zip(self._gpu_lines, lines, strict=True):
            action.setText(line.replace("&", "&&"))

    def say(self, title: str, text: str) -> None:
        """A balloon at the icon, where no notification server is."""
        if self._icon is not None:
            self._icon.showMessage(title, text, self._icon.icon())

    def show(self) -> None:
        """Put the icon into the tray, now or as soon as there is one."""
        self._make_icon()
        self._host.start()

    def hide(self) -> None:
        """Take the icon away and sleep."""
        self._host.stop()
        self._frames.stop()
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
            self._icon = None

    @property
    def has_host(self) -> bool:
        """A panel that shows tray icons is there now."""
        return self._host.has_host

    @property
    def menu(self) -> QMenu:
        """The menu, which outlives the icon."""
        return self._menu

    def _build_menu(self) -> None:
        self._state_line = self._menu.addAction("")
        self._state_line.setEnabled(False)
        self._gpu_lines: list[QAction] = []
        self._after_lines = self._menu.addSeparator()
        self.set_gpu_lines([])
        self._menu.aboutToShow.connect(self.menu_opened)
        self._menu.aboutToHide.connect(self.menu_closed)
        self._start = self._add(self.tr("Start"), self.start_requested)
        self._stop = self._add(self.tr("Stop"), self.stop_requested)
        self._restart = self._add(self.tr("Restart"), self.restart_requested)
        self._menu.addSeparator()
        self._add(self.tr("Open chat"), self.open_chat_requested)
        self._quick = self._add(self.tr("Quick prompt"), self.quick_prompt_requested)
        self._menu.addSeparator()
        self._add(self.tr("Models…"), self.models_requested)
        self._add(self.tr("Graphics cards…"), self.gpu_requested)
        self._add(self.tr("Benchmark…"), self.bench_requested)
        self._menu.addSeparator()
        self._add(self.tr("Settings…"), self.settings_requested)
        self._add(self.tr("Doctor…"), self.doctor_requested)
        self._menu.addSeparator()
        self._add(self.tr("Quit ArcDesk"), self.quit_requested)

    def _add(self, text: str, wish: SignalInstance) -> QAction:
        action = self._menu.addAction(text)
        action.triggered.connect(lambda: wish.emit())
        return action

    def _make_icon(self) -> None:
        """Make the icon, anew if there is one: a fresh one registers with the panel that is there now."""
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
        self._icon = QSystemTrayIcon(self)
        self._icon.activated.connect(self._on_activated)
        self._icon.setContextMenu(self._menu)
        self._icon.setToolTip(tooltip(self._state, self._rate))
        self._draw()
        self._icon.show()
        self._run_frames()

    def _draw(self) -> None:
        if self._icon is not None:
            tone = panel_tone(self._hints.colorScheme())
            self._icon.setIcon(tray_icon(look(self._state).shape, tone, self._step))

    def _run_frames(self) -> None:
        """Two frames a second while something travels and someone may see it; else no timer at all."""
        travels = look(self._state).shape is TrayShape.TRAVELLING_DOT and not self._reduced_motion
        if travels and self._icon is not None and self.has_host:
            self._frames.start()
        else:
            self._frames.stop()

    def _on_frame(self) -> None:
        self._step += 1
        self._draw()
        if not self.has_host:
            self._frames.stop()

    def _on_host_found(self) -> None:
        self._run_frames()
        self.host_found.emit()

    def _on_scheme_changed(self, _: Qt.ColorScheme) -> None:
        self._draw()

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.open_chat_requested.emit()
