"""Text of other programs and pictures of the screen that go along with a quick question, as chips."""

from __future__ import annotations

from collections.abc import Callable

from arcdesk.app.quick_question import MOST_CHARS, text_of
from arcdesk.core.image import Image, refusal
from arcdesk.core.quick import Attachment, Picture
from arcdesk.ui.quick_prompt import QuickPrompt
from arcdesk.ui.quick_words import tr


class QuickAttached:
    """What is attached now. `say` tells the person what could not be done, or was."""

    def __init__(self, bar: QuickPrompt, say: Callable[[str], None]) -> None:
        self._bar = bar
        self._say = say
        self._seen_clipboard = ""
        self._taken = 0  # pictures so far
        self.items: tuple[Attachment, ...] = ()
        self.pictures: tuple[Picture, ...] = ()
        bar.attach_requested.connect(self.attach)
        bar.chips.removed.connect(self._remove)

    def attach(self, source: str) -> None:
        """Take what the clipboard or the selection holds now."""
        text = text_of(source)
        if text.strip():
            self._add(source, text)
        else:
            self._say(tr("There is no text to attach."))

    def attach_new_clipboard(self) -> None:
        """Take the clipboard along, unless it was offered before."""
        text = text_of("clipboard")
        if text.strip() and text != self._seen_clipboard:
            self._seen_clipboard = text
            self._add("clipboard", text)

    def offer(self) -> None:
        """A preset wants a text: attach what is selected or copied, and let the person see it first."""
        for source, words in (
            ("selection", tr("The selected text goes along. Enter asks.")),
            ("clipboard", tr("The clipboard goes along. Enter asks.")),
        ):
            text = text_of(source)
            if text.strip():
                self._say(words)
                self._add(source, text)
                return
        self._say(tr("It works on a text: type it behind the name, or copy it first."))

    @property
    def images(self) -> tuple[Image, ...]:
        """The pictures, as they are sent."""
        return tuple(picture.image for picture in self.pictures)

    def add_picture(self, image: Image, thumbnail: bytes) -> None:
        """Take a picture along, unless there are too many."""
        problem = refusal((*self.images, image))
        if problem is not None:
            self._say(f"{problem.title}. {problem.hint}")
            return
        self._taken += 1
        picture = Picture(source=f"region {self._taken}", image=image, thumbnail=thumbnail)
        self.pictures = (*self.pictures, picture)
        self._set(self.items)

    def clear(self) -> None:
        """It was sent."""
        self.pictures = ()
        self._set(())

    def _add(self, source: str, text: str) -> None:
        if len(text) > MOST_CHARS:
            self._say(tr("That text is too long to send along."))
            return
        kept = tuple(other for other in self.items if other.source != source)
        self._set((*kept, Attachment(source=source, text=text)))

    def _remove(self, source: str) -> None:
        self.pictures = tuple(other for other in self.pictures if other.source != source)
        self._set(tuple(other for other in self.items if other.source != source))

    def _set(self, items: tuple[Attachment, ...]) -> None:
        self.items = items
        self._bar.show_attached(items, self.pictures)
