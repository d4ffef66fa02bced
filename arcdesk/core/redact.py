"""Takes out of a text what must not leave this computer: keys, names, addresses, what was asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote

SECRET, USER, HOST, ADDRESS, MAIL, TEXT = "[secret]", "[user]", "[host]", "[address]", "[e-mail]", "[text]"
HOME = "~"
SUBSTRING_LENGTH = 4  # a name as long as this is taken out wherever it stands, a shorter one as a word
LEAST_SECRET_LENGTH = 4
_NOT_A_PERSON = frozenset({"", "root", "nobody"})
_NOT_A_HOST = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost"})
# Hosts that everybody talks to: they tell nothing about the person and much about a failure.
PUBLIC_HOSTS = ("huggingface.co", "hf.co", "docker.io", "docker.com", "github.com", "intel.com", "python.org")

Replacement = Callable[[re.Match[str]], str]
Rule = tuple[re.Pattern[str], Replacement]

# While the rules work, a mark is one character that no rule means: a person may be called 'user'.
_MARKS = (SECRET, USER, HOST, ADDRESS, MAIL, TEXT)
_SIGN_OF = {mark: chr(0xE000 + number) for number, mark in enumerate(_MARKS)}
_MARK_OF = {sign: mark for mark, sign in _SIGN_OF.items()}
_ANY_MARK = re.compile("|".join(map(re.escape, _MARKS)))
_ANY_SIGN = re.compile(f"[{''.join(_MARK_OF)}]")

_BEGIN = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"  # of a word; a text may stand in a log as 'one\ntwo'
_SURE_NAMES = r"api[_-]?key|access[_-]?key|secret[_-]?key|client[_-]?secret|secret|passw(?:or)?d|passphrase"
_LIKELY_NAMES = r"token|key|pwd|auth"
_SURE = rf"(?:{_BEGIN}|(?<=[_-]))(?:{_SURE_NAMES})"
_LIKELY = rf"(?:{_BEGIN}|(?<=[_-]))(?:{_LIKELY_NAMES})"
_NO_FIGURE = r"(?![\"']?(?:[\d.,]{1,9}|true|false|null|none)[\"']?(?:[\s,;)}\]]|$))"
_QUOTED = r"(?P<quote>[\"']))(?:\\.|(?!(?P=quote))[^\\\n])+"

_SECRETS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    rf"{_BEGIN}(?:hf|gh[pousr]|github_pat|glpat|xox[abpros])[_-][A-Za-z0-9_-]{{6,}}",
    rf"{_BEGIN}(?:sk|pk|rk)-[A-Za-z0-9_-]{{6,}}",
    rf"{_BEGIN}(?:AKIA|ASIA|AIza)[A-Za-z0-9_-]{{12,}}",
    rf"{_BEGIN}eyJ[A-Za-z0-9_-]{{5,}}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?",  # a JSON web token
    rf"(?i)(?P<kept>\bauthorization[\"']?\s*[:=]\s*{_QUOTED}",
    r"(?i)(?P<kept>\bauthorization[\"']?\s*[:=]\s*+)(?![\"'])[^\n\"']+",
    rf"(?i){_BEGIN}(?P<kept>(?:bearer|basic)\s+)[^\s\"',;]{{4,}}",
    # NAME=value, "name": "value", name: value, --name value; a name may end a longer one (HF_TOKEN)
    rf"(?i)(?P<kept>{_SURE}[\"']?\s*[=:]\s*{_QUOTED}",
    rf"(?i)(?P<kept>{_SURE}[\"']?\s*[=:]\s*+)(?![\"'])[^\s\"',;&)}}\]]+",
    rf"(?i)(?P<kept>{_LIKELY}[\"']?\s*[=:]\s*{_NO_FIGURE}{_QUOTED}",
    rf"(?i)(?P<kept>{_LIKELY}[\"']?\s*[=:]\s*+{_NO_FIGURE})(?![\"'])[^\s\"',;&)}}\]]+",
    rf"(?i)(?P<kept>--(?:[a-z-]+-)?(?:{_SURE_NAMES}|{_LIKELY_NAMES})[ \t]+)(?![-\"'])[^\s\"']+",
    r"(?P<kept>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@\"']+(?=@)",
)
_MAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"
_URL = r"(?P<kept>\b(?:https?|tcp|wss?|ssh|socks[45]h?|ftp)://(?:[^\s/@\"']*@)?)(?P<host>[\w.-]*\w)"
_HOME = r"(?:/home|/Users|/var/home)/[^/\s\"':,;)\]]+"
_IP4 = r"(?:(?<![\w.])|(?<=\\[nrt]))(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"
_MAC = r"(?<![\w:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:])"
_IP6 = r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%\w+)?(?![\w:])"
# A server's log may repeat a question; what stands behind it on the line is parameters.
_TALK = (
    r"(\b(?:prompt|prompt_token_ids|input_ids|messages)[\"']?\s*[:=]\s*|\bGenerated text:\s*"
    r"|[\"']content[\"']\s*:\s*)(?=\S)[^\n]+"
)


def mask_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without what looks like a key, and without the `secrets` that are known. For logs."""
    return _apply((*_literal_rules((secret, SECRET) for secret in secrets), *_secret_rules()), text)


def drop_talk(text: str) -> str:
    """A server's log without the questions and answers that some servers write into it."""
    return re.sub(_TALK, lambda match: match[1] + TEXT, text)


def printable(text: str) -> str:
    """`text` as a text view shows it and a file keeps it: one kind of line end, no control characters."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    text = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text).replace("\u00a0", " ")
    text = re.sub(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufeff\ufffc\ufffe\uffff]", "", text)
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, kw_only=True)
class Redactor:
    """Knows whose computer this is. `redact` is idempotent: what was cleaned once stays as it is."""

    user_names: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()
    host_names: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def redact(self, text: str) -> str:
        """`text` without keys, names, home folders, hosts, addresses and e-mail addresses."""
        return _apply(_all_rules(self), text)

    def redact_data(self, value: object) -> object:
        """The same for what becomes JSON; a text under a name like 'api_key' is a secret, whatever it is."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact(str(name)): self._of_name(str(name), one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact_data(one) for one in value]
        return value

    def _of_name(self, name: str, value: object) -> object:
        is_secret = isinstance(value, str) and value and _secret_name().search(name)
        return SECRET if is_secret else self.redact_data(value)


def _apply(rules: Iterable[Rule], text: str) -> str:
    """Each rule in its order, again until nothing changes: what one takes out may be what another needs."""
    text = _ANY_MARK.sub(lambda match: _SIGN_OF[match[0]], _ANY_SIGN.sub("\ufffd", text))
    rules = tuple(rules)
    while True:
        before = text
        for pattern, replacement in rules:
            text = pattern.sub(replacement, text)
        if text == before:
            return _ANY_SIGN.sub(lambda match: _MARK_OF[match[0]], text)


def _marking(mark: str) -> Replacement:
    sign = _SIGN_OF.get(mark, mark)
    return lambda match: str(match.groupdict().get("kept") or "") + sign


@cache  # compiled when the first text is cleaned, not when the module is loaded
def _secret_rules() -> tuple[Rule, ...]:
    return tuple((re.compile(pattern), _marking(SECRET)) for pattern in _SECRETS)


@cache
def _secret_name() -> re.Pattern[str]:
    return re.compile(rf"(?i)(?:{_SURE}|{_LIKELY})s?$")


@cache
def _place_rules() -> tuple[Rule, ...]:
    rules = ((_MAIL, _marking(MAIL)), (_URL, _mask_host), (_HOME, _marking(HOME)))
    addresses = ((_IP4, _mask_address), (_MAC, _marking(ADDRESS)), (_IP6, _mask_address))
    return tuple((re.compile(pattern), replacement) for pattern, replacement in (*rules, *addresses))


@cache
def _all_rules(whose: Redactor) -> tuple[Rule, ...]:
    homes = [home.rstrip("/") for home in whose.homes if len(home.rstrip("/")) > 1]
    literals = [(secret, SECRET) for secret in whose.secrets if len(secret) >= LEAST_SECRET_LENGTH]
    literals += [(spelling, HOME) for home in homes for spelling in (home, quote(home))]
    hosts = {part for name in whose.host_names for part in (name, name.partition(".")[0])}
    names = [(name, HOST) for name in hosts if name.lower() not in _NOT_A_HOST]
    names += [(name, USER) for name in whose.user_names if name.lower() not in _NOT_A_PERSON]
    names += [(quote(name), mark) for name, mark in names]
    return (*_literal_rules(literals), *_secret_rules(), *_place_rules(), *_name_rules(names))


def _literal_rules(pairs: Iterable[tuple[str, str]]) -> tuple[Rule, ...]:
    longest_first = sorted({pair for pair in pairs if pair[0]}, key=lambda pair: (-len(pair[0]), pair))
    return tuple((re.compile(re.escape(literal)), _marking(mark)) for literal, mark in longest_first)


def _name_rules(pairs: Iterable[tuple[str, str]]) -> tuple[Rule, ...]:
    rules = []
    for name, mark in sorted(set(pairs), key=lambda pair: (-len(pair[0]), pair)):
        word = re.escape(name)
        pattern = word if len(name) >= SUBSTRING_LENGTH else rf"{_BEGIN}{word}(?![A-Za-z0-9])"
        rules.append((re.compile(pattern, re.IGNORECASE), _marking(mark)))
    return tuple(rules)


def _mask_address(match: re.Match[str]) -> str:
    from ipaddress import ip_address  # for the few texts that hold an address

    try:
        address = ip_address(match[0].partition("%")[0])
    except ValueError:
        return match[0]
    return match[0] if address.is_loopback or address.is_unspecified else _SIGN_OF[ADDRESS]


def _mask_host(match: re.Match[str]) -> str:
    host = match["host"].lower()
    is_public = any(host == name or host.endswith("." + name) for name in PUBLIC_HOSTS)
    if is_public or host in _NOT_A_HOST or re.fullmatch(r"127(?:\.\d+){3}|0\.0\.0\.0", host):
        return match[0]
    return match["kept"] + _SIGN_OF[HOST]
