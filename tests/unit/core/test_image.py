"""Images that go along with a question."""

from __future__ import annotations

import struct

import pytest

from arcdesk.core.chat import Message, Role
from arcdesk.core.image import MOST_BYTES, MOST_IMAGES, Image, refusal


def png(width: int, height: int, *, rest: bytes = b"") -> Image:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return Image(mime="image/png", data=head + rest)


def test_the_size_stands_in_the_head() -> None:
    assert png(640, 400).size_px == (640, 400)
    assert png(640, 400).size_words == "640 × 400"


@pytest.mark.parametrize("data", [b"", b"GIF89a", png(1, 1).data[:20], b"\xff\xd8" + b"\0" * 40])
def test_of_other_data_the_size_is_unknown(data: bytes) -> None:
    image = Image(mime="image/png", data=data)
    assert (image.size_px, image.size_words) == (None, "")


def test_the_limits_are_kept_to_the_byte() -> None:
    largest = png(9, 9, rest=b"\0" * (MOST_BYTES - len(png(9, 9).data)))
    assert len(largest.data) == MOST_BYTES
    assert refusal((largest,) * MOST_IMAGES) is None
    too_large = Image(mime="image/png", data=largest.data + b"\0")
    problem = refusal((png(1, 1), too_large))
    assert problem is not None
    assert (problem.cause, "8.0 MB" in problem.detail) == ("image_too_large", True)
    problem = refusal((png(1, 1),) * (MOST_IMAGES + 1))
    assert problem is not None
    assert (problem.cause, problem.detail) == ("too_many_images", "5 images are attached; 4 can go along.")


def test_a_question_does_not_show_its_bytes_in_a_log() -> None:
    message = Message(role=Role.USER, text="What is this?", images=(png(2, 2, rest=b"secret"),))
    assert "secret" not in repr(message)
