"""The colours of ArcDesk, light and dark, and their way into Qt."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QGuiApplication, QPalette
    from PySide6.QtWidgets import QApplication

_SYSTEM_DARK = "arcdeskSystemIsDark"
_STYLED = "arcdeskFusionIsSet"
_TOKEN = re.compile(r"@(on_accent|[a-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """One set of colours, each as '#rrggbb'. The field names are the `@tokens` of the style sheets."""

    bg: str
    surface: str
    raised: str
    outline: str
    text: str
    secondary: str
    accent: str
    on_accent: str
    ok: str
    warn: str
    error: str

    @property
    def is_dark(self) -> bool:
        """Light text on a dark ground."""
        return contrast("#ffffff", self.bg) > contrast("#000000", self.bg)


LIGHT = Palette(
    bg="#fafaf8",
    surface="#ffffff",
    raised="#f1f1ee",
    outline="#8a8d93",
    text="#1b1c1e",
    secondary="#55585e",
    accent="#2b57e0",
    on_accent="#ffffff",
    ok="#1a7746",
    warn="#8a5800",
    error="#b3261e",
)
DARK = Palette(
    bg="#141517",
    surface="#1b1d20",
    raised="#25282c",
    outline="#6e747d",
    text="#ecedee",
    secondary="#a9aeb6",
    accent="#8fa8ff",
    on_accent="#10131a",
    ok="#5cc98e",
    warn="#e2b04a",
    error="#ff8f86",
)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two '#rrggbb' colours as WCAG 2 defines it: 1 (same) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def current_palette(app: QGuiApplication, choice: str = "system") -> Palette:
    """The palette to use now: 'light' or 'dark' as chosen, anything else as the system has it."""
    if choice in ("light", "dark"):
        return DARK if choice == "dark" else LIGHT
    return DARK if _system_is_dark(app) else LIGHT


def _system_is_dark(app: QGuiApplication) -> bool:
    scheme = app.styleHints().colorScheme()
    if scheme != Qt.ColorScheme.Unknown:
        return scheme == Qt.ColorScheme.Dark
    known = app.property(_SYSTEM_DARK)
    if known is None:  # kept, because `apply` replaces the palette that tells it
        known = app.palette().window().color().lightness() < 128
        app.setProperty(_SYSTEM_DARK, known)
    return bool(known)


def follow(app: QGuiApplication, choice: str, changed: Callable[[Palette], None]) -> Callable[[], None]:
    """Call `changed` at once and after each change of the system's scheme; returns what ends it.

    A forced choice is called once only. Native dialogs and title bars are asked to go along.
    """
    hints = app.styleHints()
    _ask_platform(app, choice)
    changed(current_palette(app, choice))
    if choice in ("light", "dark"):
        return lambda: None

    def on_scheme(_: Qt.ColorScheme) -> None:
        changed(current_palette(app, choice))

    hints.colorSchemeChanged.connect(on_scheme)

    def stop() -> None:
        hints.colorSchemeChanged.disconnect(on_scheme)

    return stop


def _ask_platform(app: QGuiApplication, choice: str) -> None:
    _system_is_dark(app)  # remembered before anything is forced
    match choice:
        case "light":
            app.styleHints().setColorScheme(Qt.ColorScheme.Light)
        case "dark":
            app.styleHints().setColorScheme(Qt.ColorScheme.Dark)
        case _:
            app.styleHints().unsetColorScheme()


def apply(app: QApplication, palette: Palette) -> None:
    """Dress the application, before its first window: style, icon, colours, sheets. The tray needs none."""
    from arcdesk.ui.app_icon import app_icon

    _system_is_dark(app)
    if not app.property(_STYLED):
        app.setStyle("Fusion")
        app.setWindowIcon(app_icon())
        app.setProperty(_STYLED, True)
    app.setPalette(qt_palette(palette))
    app.setStyleSheet(style_sheet(palette))


def qt_palette(palette: Palette) -> QPalette:
    """The colours as Qt's roles, for all that no style sheet reaches."""
    from PySide6.QtGui import QColor, QPalette

    role = QPalette.ColorRole
    colours = {
        role.Window: palette.bg,
        role.WindowText: palette.text,
        role.Base: palette.surface,
        role.AlternateBase: palette.raised,
        role.Text: palette.text,
        role.Button: palette.raised,
        role.ButtonText: palette.text,
        role.BrightText: palette.error,
        role.ToolTipBase: palette.raised,
        role.ToolTipText: palette.text,
        role.PlaceholderText: palette.secondary,
        role.Highlight: palette.accent,
        role.HighlightedText: palette.on_accent,
        role.Accent: palette.accent,
        role.Link: palette.accent,
        role.LinkVisited: palette.accent,
        role.Mid: palette.outline,
        role.Dark: palette.outline,
        role.Light: palette.surface,
        role.Midlight: palette.raised,
        role.Shadow: palette.outline,
    }
    result = QPalette()
    for key, colour in colours.items():
        result.setColor(key, QColor(colour))
    for key in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, key, QColor(palette.secondary))
    return result


def style_sheet(palette: Palette) -> str:
    """All numbered style sheets in order, tokens filled in. Raises KeyError for an unknown token."""
    from arcdesk.ui.resources import resource_dir

    folder = resource_dir() / "qss"
    sheets = sorted(folder.glob("[0-9][0-9]_*.qss"))
    return fill_tokens("\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets), palette, folder)


def fill_tokens(text: str, palette: Palette, folder: Path) -> str:
    """Replace `@token` by its colour, `@folder` and `@variant` by where a sheet's pictures are.

    Raises KeyError for a token that does not exist.
    """
    tokens = asdict(palette) | {
        "folder": folder.as_posix(),
        "variant": "dark" if palette.is_dark else "light",
    }
    return _TOKEN.sub(lambda match: tokens[match.group(1)], text)
