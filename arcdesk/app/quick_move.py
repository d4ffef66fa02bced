"""Moves a quick conversation into the main window."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arcdesk.app.session import Session


async def move(session: Session, conversation_id: int, draft: str) -> None:
    """Make it a conversation of the list and open it there; `draft` then stands in its prompt.

    Without a conversation the draft goes to the prompt of a chat not begun, behind what stands there.
    """
    chat = await session.chat()
    if conversation_id:
        if draft:
            await chat.save_draft(conversation_id, draft)
        await chat.promote(conversation_id)
        chat.select(conversation_id)
        session.open_window()
        return
    controller = session.window_or_none
    if controller is not None and not session.store.state.active_conversation:
        session.open_window()
        prompt = controller.window.prompt
        prompt.type_in(_joined(prompt.text, draft).removeprefix(prompt.text))
        return
    await chat.save_draft(0, _joined(await chat.draft(0), draft))
    chat.select(0)
    session.open_window()


def _joined(one: str, other: str) -> str:
    return "\n\n".join(part for part in (one.rstrip("\n"), other) if part)
