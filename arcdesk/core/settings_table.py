"""The table of all settings in the order in which a person meets them."""

from __future__ import annotations

from arcdesk.core.settings_info import Effect, Kind, Rule, SettingInfo
from arcdesk.core.settings_table_container import CONTAINER

GENERAL = (
    SettingInfo(
        table="general",
        name="theme",
        title="Appearance",
        why="Light or dark; as the system has it, so that ArcDesk looks like your other programs.",
        page="general",
        kind=Kind.CHOICE,
        choices=(("system", "Like the system"), ("light", "Light"), ("dark", "Dark")),
    ),
    SettingInfo(
        table="general",
        name="stay_in_tray",
        title="Stay in the tray when the window closes",
        why="On, so that an engine that runs can still be seen and stopped; "
        "without a tray, closing the window quits.",
        page="general",
        kind=Kind.SWITCH,
    ),
    SettingInfo(
        table="general",
        name="confirmed_close_without_tray",
        title="Quit without asking where there is no tray",
        why="Off, so that the first close tells you what it ends; your answer to it turns this on.",
        page="general",
        kind=Kind.SWITCH,
    ),
)

ENGINE = (
    SettingInfo(
        table="engine",
        name="engine",
        title="Engine",
        why="Automatic takes the container when Docker has the image, else the embedded engine, "
        "so that something answers on every computer.",
        page="engine",
        kind=Kind.OPEN_CHOICE,
        choices=(
            ("auto", "Automatic"),
            ("container", "Container (Intel Arc)"),
            ("embedded", "Embedded (this computer's processor)"),
        ),
        other="A server at an address",
        hint="http://127.0.0.1:8000/v1",
        rule=Rule.ENGINE,
    ),
    SettingInfo(
        table="engine",
        name="gguf_path",
        title="Model of the embedded engine",
        why="A GGUF file; empty is the small starter model, which needs no download.",
        page="engine",
        kind=Kind.FILE,
        effect=Effect.NEXT_START,
        hint="The starter model",
    ),
    SettingInfo(
        table="engine",
        name="start_engine_with_app",
        title="Start the engine with ArcDesk",
        why="Off, because a loaded model takes most of the card's memory even when nobody asks.",
        page="engine",
        kind=Kind.SWITCH,
    ),
    SettingInfo(
        table="engine",
        name="stop_engine_on_quit",
        title="Stop the container when ArcDesk quits",
        why="Off, because other programs may use the server, and loading it again takes minutes.",
        page="engine",
        kind=Kind.SWITCH,
    ),
)

MODELS = (
    SettingInfo(
        table="models",
        name="model_folders",
        title="Folders with your own models",
        why="Empty, since most models are in the Hugging Face cache; put a colon between several folders.",
        page="models",
        kind=Kind.FOLDER,
        hint="None",
    ),
    SettingInfo(
        table="models",
        name="hub_endpoint",
        title="Model hub",
        why="The Hugging Face hub, where the image's models are; a mirror's address works too.",
        page="models",
        kind=Kind.TEXT,
        hint="https://huggingface.co",
        rule=Rule.WEB,
    ),
    SettingInfo(
        table="models",
        name="hub_offline",
        title="Never contact the model hub",
        why="Off, so that you can search and download; nothing is asked of the hub before you do.",
        page="models",
        kind=Kind.SWITCH,
    ),
)

BENCH = (
    SettingInfo(
        table="bench",
        name="bench_offers",
        title="Offer to measure when something is new",
        why="On, so that a slowdown after a new driver, kernel or image is noticed; it asks once for each.",
        page="bench",
        kind=Kind.SWITCH,
    ),
    SettingInfo(
        table="bench",
        name="live_export",
        title="Show the live figures to Prometheus",
        why="Off, since few need it; only programs of this computer can read the page.",
        page="bench",
        kind=Kind.SWITCH,
    ),
    SettingInfo(
        table="bench",
        name="live_export_port",
        title="Port of that page",
        why="9185 at first, which no common exporter uses; the page is /metrics on 127.0.0.1.",
        page="bench",
        kind=Kind.NUMBER,
    ),
)

QUICK = (
    SettingInfo(
        table="quick",
        name="hotkey",
        title="Key for the quick prompt",
        why="Ctrl+Alt+Space, because Alt+Space is the window menu on most desktops; empty is no key.",
        page="quick",
        kind=Kind.KEY,
        hint="None",
    ),
    SettingInfo(
        table="quick",
        name="quick_hides_on_blur",
        title="Hide the bar when you click elsewhere",
        why="Off, so that you can look something up while it answers; Esc always hides it.",
        page="quick",
        kind=Kind.SWITCH,
    ),
    SettingInfo(
        table="quick",
        name="quick_takes_clipboard",
        title="Attach the clipboard when the bar opens",
        why="Off, so that nothing you copied is sent unless you say so.",
        page="quick",
        kind=Kind.SWITCH,
    ),
)

NOTIFICATIONS = (
    SettingInfo(
        table="general",
        name="notify_ready",
        title="The engine is ready",
        why="On, because a start takes minutes and nobody wants to watch it.",
        page="notifications",
        kind=Kind.SWITCH,
    ),
    SettingInfo(
        table="general",
        name="notify_failed",
        title="The engine failed or stopped by itself",
        why="On, so that a question does not wait for an engine that is gone.",
        page="notifications",
        kind=Kind.SWITCH,
    ),
    SettingInfo(
        table="general",
        name="notify_answer",
        title="An answer ended while no window of ArcDesk was in front",
        why="On, so that you can do something else while a long answer is written.",
        page="notifications",
        kind=Kind.SWITCH,
    ),
)

SETTINGS = (*GENERAL, *ENGINE, *CONTAINER, *MODELS, *BENCH, *QUICK, *NOTIFICATIONS)
BY_ID = {info.id: info for info in SETTINGS}
