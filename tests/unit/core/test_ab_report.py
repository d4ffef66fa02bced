"""An A/B test: who stands where by lot, votes counted blind, and a report that shows texts as written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.ab_markdown import ab_markdown, where_texts_part
from arcdesk.core.ab_report import (
    AbAnswer,
    AbSide,
    AbTest,
    Choice,
    count_votes,
    differing_configuration,
    figures,
    sign_test,
)

FAST = AbSide(
    name="int4",
    configuration=(("load_in_low_bit", "sym_int4"), ("max_model_len", "2048")),
    answers=tuple(
        AbAnswer(text=f"Paris {n}", ttft_ms=100.0 + n, decode_tokens_per_s=80.0, total_ms=500.0, tokens=20)
        for n in range(10)
    ),
    start_s=61.4,
    vram_peak_bytes=5 * 2**30,
)
SLOW = replace(
    FAST,
    name="fp16",
    configuration=(("load_in_low_bit", "fp16"), ("max_model_len", "2048")),
    answers=tuple(replace(each, decode_tokens_per_s=40.0) for each in FAST.answers if each is not None),
    vram_peak_bytes=None,
)
TEST = AbTest(prompts=tuple(f"Question {n}?" for n in range(10)), a=FAST, b=SLOW, seed=7)


def _choice(test: AbTest, number: int, *, is_a: bool) -> Choice:
    return Choice.LEFT if test.is_a_left(number) == is_a else Choice.RIGHT


def test_the_order_is_drawn_for_each_prompt_and_stays() -> None:
    many = replace(TEST, prompts=("x",) * 200)
    drawn = [many.is_a_left(number) for number in range(200)]
    assert drawn == [many.is_a_left(number) for number in range(200)]
    assert 70 < sum(drawn) < 130
    assert drawn != [replace(many, seed=8).is_a_left(number) for number in range(200)]


def test_votes_get_their_names_back() -> None:
    votes = [(n, _choice(TEST, n, is_a=n < 6)) for n in range(8)] + [(8, Choice.TIE)]
    found = count_votes(replace(TEST, votes=tuple(votes)))
    assert (found.a, found.b, found.ties, found.n) == (6, 2, 1, 9)
    assert found.chance == pytest.approx(74 / 256)  # 2 * (28 + 8 + 1) / 2^8


def test_the_last_vote_counts() -> None:
    votes = ((0, _choice(TEST, 0, is_a=True)), (0, _choice(TEST, 0, is_a=False)))
    assert (count_votes(replace(TEST, votes=votes)).a, count_votes(replace(TEST, votes=votes)).b) == (0, 1)


def test_votes_on_a_failed_or_missing_answer_do_not_count() -> None:
    answers = (replace(SLOW.answers[0] or AbAnswer(), error="cut"), None, *SLOW.answers[2:5])
    test = replace(TEST, b=replace(SLOW, answers=answers))
    votes = tuple((n, Choice.LEFT) for n in (0, 1, 2, 9, 55))
    assert count_votes(replace(test, votes=votes)).n == 1


@pytest.mark.parametrize(
    ("wins", "losses", "chance"), [(0, 0, 1.0), (1, 1, 1.0), (5, 0, 0.0625), (9, 1, 22 / 1024)]
)
def test_the_sign_test_is_exact(wins: int, losses: int, chance: float) -> None:
    assert sign_test(wins, losses) == pytest.approx(chance)
    assert sign_test(losses, wins) == sign_test(wins, losses)


def test_a_thousand_votes_do_not_overflow() -> None:
    assert 0 <= sign_test(1100, 900) < 0.001


def test_figures_leave_failures_out_and_say_n() -> None:
    failed = replace(FAST.answers[0] or AbAnswer(), ttft_ms=99_999.0, error="cut")
    by_name = {
        each.name: each
        for each in figures(replace(TEST, a=replace(FAST, answers=(failed, *FAST.answers[1:]))))
    }
    assert by_name["Time to first token"].a.n == 9
    assert by_name["Time to first token"].a.p50 == 105.0
    assert by_name["Decode"].b.p50 == 40.0
    assert not by_name["Energy"].a.is_known


def test_only_what_differs_is_in_the_configuration() -> None:
    assert differing_configuration(FAST, SLOW) == [("load_in_low_bit", "sym_int4", "fp16")]
    assert differing_configuration(FAST, AbSide(name="x"))[1] == ("max_model_len", "2048", "–")


def test_the_report_has_figures_votes_and_both_texts() -> None:
    votes = tuple((n, _choice(TEST, n, is_a=True)) for n in range(10))
    text = ab_markdown(replace(TEST, votes=votes))
    assert text.startswith("# int4 or fp16\n")
    assert "| load\\_in\\_low\\_bit | sym\\_int4 | fp16 |" in text
    assert "| Decode, tok/s | 80, p95 80 (n = 10) | 40, p95 40 (n = 10) |" in text
    assert "| Card memory, peak | 5.0\u202fGiB | – |" in text
    assert "| 10 | 0 | 0 |" in text
    assert "hardly chance" in text
    assert text.count("The texts are the same.") == 10
    assert "Energy" not in text  # nobody measured it


def test_nothing_is_claimed_of_votes_that_may_be_chance() -> None:
    votes = tuple((n, _choice(TEST, n, is_a=True)) for n in range(2))
    assert "may well be chance" in ab_markdown(replace(TEST, votes=votes))
    assert "Blind votes" not in ab_markdown(TEST)


def test_texts_break_neither_table_nor_page() -> None:
    nasty = "a | b\n# no head\n<script>alert(1)</script>\n```py\n    x = 1\n```\n**not bold**"
    side = replace(FAST, name="A|B <x>", answers=(AbAnswer(text=nasty),))
    text = ab_markdown(replace(TEST, prompts=("> not a quote\n| nor a table",), a=side))
    (row,) = (line for line in text.splitlines() if "alert" in line)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in row
    assert "<br>&nbsp;&nbsp;&nbsp;&nbsp;x = 1<br>" in row
    assert "\\*\\*not bold\\*\\*" in row
    unescaped = [place for place, sign in enumerate(row) if sign == "|" and row[place - 1] != "\\"]
    assert len(unescaped) == 3  # two columns, whatever the text holds


def test_what_failed_or_was_not_asked_is_said() -> None:
    side = replace(SLOW, answers=(AbAnswer(text="Par", error="The server went away."), AbAnswer()))
    text = ab_markdown(
        replace(TEST, prompts=TEST.prompts[:3], a=replace(FAST, answers=FAST.answers[:3]), b=side)
    )
    assert "Par<br><br>*Failed: The server went away.*" in text
    assert "*No text.*" in text
    assert "*Not asked.*" in text
    assert "| Failed | 0 of 3 | 1 of 3, 1 not asked |" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# no head", "\\# no head"),
        ("- no list", "\\- no list"),
        ("12. no number", "12\\. no number"),
        ("12 of 20", "12 of 20"),
        ("well - no list", "well - no list"),
        ("", ""),
    ],
)
def test_a_prompt_begins_no_list_and_no_heading(text: str, shown: str) -> None:
    assert f"\n> {shown}\n" in ab_markdown(replace(TEST, prompts=(text,)))


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("a b c", "a  b\nc", "The texts are the same."),
        ("a b c", "a x c", "The texts part at word 2."),
        ("a b", "a b c d", "One text goes on after word 2."),
    ],
)
def test_where_two_texts_part(one: str, other: str, words: str) -> None:
    assert where_texts_part(one, other) == words
