"""Images that go along with a question: what they are, and how large and many they may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from arcdesk.core.errors import Problem

MOST_IMAGES = 4  # with one question
MOST_BYTES = 8_000_000  # of one image

_PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as a file has it; `mime` is like 'image/png'."""

    mime: str
    data: bytes = field(repr=False)

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height as a PNG's head tells them; None for other kinds."""
        if not self.data.startswith(_PNG_START) or len(self.data) < len(_PNG_START) + 8:
            return None
        head = self.data[len(_PNG_START) :]
        return int.from_bytes(head[:4]), int.from_bytes(head[4:8])

    @property
    def size_words(self) -> str:
        """'640 × 400'; '' if it is not known."""
        size = self.size_px
        return f"{size[0]} × {size[1]}" if size else ""


def refusal(images: Sequence[Image]) -> Problem | None:
    """Why these can't go along with one question; None if they can."""
    if len(images) > MOST_IMAGES:
        return Problem(
            cause="too_many_images",
            title="Too many images for one question",
            detail=f"{len(images)} images are attached; {MOST_IMAGES} can go along.",
            hint="Remove some of them.",
        )
    largest = max((len(image.data) for image in images), default=0)
    return image_too_large(largest) if largest > MOST_BYTES else None


def image_too_large(size_bytes: int) -> Problem:
    """One image has more bytes than are sent."""
    return Problem(
        cause="image_too_large",
        title="The image is too large to send along",
        detail=f"It has {size_bytes / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB can go along.",
        hint="Choose a smaller part of the screen.",
    )
