"""The words for what can go wrong between us and the model hub."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from arcdesk.core.errors import Action, ActionKind, Problem

EVIDENCE_CHARS = 300
_SIGNED = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+")

RETRY = Action(kind=ActionKind.RETRY, label="Try again")


def offline(endpoint: str) -> Problem:
    """The person wants no contact."""
    return Problem(
        cause="hub_offline",
        title="The model hub is switched off",
        detail=f"You chose never to contact {hub_name(endpoint)}, in the settings or with HF_HUB_OFFLINE.",
        hint="Models on your disk work as ever. To search or download, switch it on under Settings, Models.",
    )


def undeclared(host: str) -> Problem:
    """The gate refused."""
    return Problem(
        cause="undeclared_host",
        title=f"ArcDesk does not contact {host}",
        detail="Neither a setting of yours nor the model hub leads to this host, so nothing was sent to it.",
        hint="This is a mistake of ArcDesk: please report it.",
    )


def closed() -> Problem:
    """ArcDesk ends while it waits for the hub."""
    return Problem(
        cause="hub_closed", title="The question to the model hub was dropped", detail="ArcDesk is closing."
    )


def unprotected(endpoint: str, host: str) -> Problem:
    """From https to http: somebody on the way could read and change what comes."""
    return Problem(
        cause="hub_unprotected",
        title=f"{hub_name(endpoint)} sends us to an unprotected address",
        detail=f"It leads from https to plain http at {host}.",
        hint="Use another mirror, or the hub itself, under Settings, Models.",
    )


def too_much(endpoint: str) -> Problem:
    """An answer that is no file is larger than any."""
    return no_hub(endpoint, "It sent more than 16 MiB where a hub sends a few kilobytes.")


def too_large(path: str) -> Problem:
    """The library takes no file of more than 50 GB by plain HTTP."""
    return Problem(
        cause="hub_file_too_large",
        title=f"{path} is too large",
        detail="The hub gives files of more than 50 GB only by a way that ArcDesk doesn't use.",
        hint="Choose a model whose weights are in several files.",
    )


def damaged(path: str) -> Problem:
    """Length or checksum is wrong."""
    return Problem(
        cause="hub_damaged",
        title=f"{path} was damaged on the way",
        detail="It is not what the hub announced, so it was not kept.",
        hint="Try again. If it happens again, a proxy or mirror may change what passes.",
        actions=(RETRY,),
    )


def locked(path: str) -> Problem:
    """Another program holds the lock of the file."""
    return Problem(
        cause="hub_locked",
        title="Another program downloads this model",
        detail=f"It works on {path}; two at once would be in each other's way.",
        hint="Wait until it has ended, then try again.",
        actions=(RETRY,),
    )


def no_hub(endpoint: str, why: str, evidence: str = "") -> Problem:
    """Something answers, but not as a hub does."""
    return Problem(
        cause="hub_none",
        title=f"{hub_name(endpoint)} doesn't answer like a model hub",
        detail=why,
        hint="Check the address under Settings, Models. A login page of the network may be in between, too.",
        evidence=evidence,
        actions=(RETRY,),
    )


def hub_name(endpoint: str) -> str:
    """How a person knows it."""
    host = urlsplit(endpoint).netloc.rpartition("@")[2] or endpoint
    return "Hugging Face" if host == "huggingface.co" else host


def gated(endpoint: str, repo_id: str, evidence: str, *, has_token: bool) -> Problem:
    """The licence has not been accepted, or the owner has not decided yet."""
    page = f"{endpoint.rstrip('/')}/{repo_id}"
    copy = Action(kind=ActionKind.COPY, label="Copy the page's address", target=page)
    if "awaiting a review" in evidence:
        detail = "You have asked, and its owner has not decided yet."
        hint = f"Wait for the decision, which comes by e-mail. It is also told at {page}."
    elif has_token:
        detail = "The token in your settings belongs to an account that has not accepted it."
        hint = f"Visit {page} with that account, accept the licence, then try again."
    else:
        detail = "Its owner gives it only to people who are known to the hub and accept its licence."
        hint = f"Visit {page}, accept the licence there, then put your token in the settings under Privacy."
    return Problem(
        cause="hub_gated",
        title=f"{repo_id} wants its licence accepted",
        detail=detail,
        hint=hint,
        evidence=evidence,
        actions=(copy, RETRY),
    )


def not_found(endpoint: str, repo_id: str, evidence: str, *, has_token: bool) -> Problem:
    """No such model, or a private one: the hub does not tell which."""
    private = "or it is private and your token doesn't open it" if has_token else "or it is private"
    return Problem(
        cause="hub_not_found",
        title=f"{hub_name(endpoint)} has no model {repo_id}",
        detail=f"It may have been renamed or removed, {private}.",
        hint="Check the name. A private model needs your token, in the settings under Privacy.",
        evidence=evidence,
    )


def missing(cause: str, title: str, evidence: str) -> Problem:
    """The model is there, but not what was asked of it."""
    return Problem(cause=cause, title=title, hint="Check the name on the model's page.", evidence=evidence)


def unreachable(host: str, why: str, evidence: str) -> Problem:
    """No connection, or one that broke off."""
    return Problem(
        cause="hub_unreachable",
        title=f"{host} can't be reached",
        detail=why,
        hint="Check the network, then try again. Behind a proxy, set https_proxy; a mirror may work, too.",
        evidence=evidence,
        actions=(RETRY,),
    )


def untrusted(host: str, evidence: str) -> Problem:
    """The certificate does not hold."""
    return Problem(
        cause="hub_untrusted",
        title=f"{host} can't prove who it is",
        detail="Its certificate isn't trusted on this machine, so nothing was sent.",
        hint="Check the clock. In a company network, its root certificate may have to be installed.",
        evidence=evidence,
        actions=(RETRY,),
    )


def proxy(evidence: str) -> Problem:
    """A proxy refuses, or is of a kind that we do not speak."""
    return Problem(
        cause="hub_proxy",
        title="The proxy does not let the download through",
        detail="It is named in https_proxy, http_proxy or all_proxy.",
        hint="Correct the proxy, or run ArcDesk without it; 'arcdesk doctor' examines it.",
        evidence=evidence,
        actions=(RETRY,),
    )


def bad_name(repo_id: str) -> Problem:
    """It can't be asked for."""
    return Problem(
        cause="hub_bad_name",
        title=f"'{clip(repo_id)}' is no name of a model",
        hint="A name looks like owner/model, as on the model's page.",
    )


def wrong_on_disk(path: str) -> Problem:
    """A finished file of the cache has another length than the hub says."""
    return Problem(
        cause="hub_damaged",
        title=f"{path} on your disk is damaged",
        detail="Its length is not what the hub announced. ArcDesk does not replace finished files by itself.",
        hint="Delete the model, then download it again.",
        actions=(Action(kind=ActionKind.OPEN_MODELS, label="Show models"),),
    )


def broken_off(endpoint: str) -> Problem:
    """The body ended early, as if all were well."""
    return Problem(
        cause="hub_unreachable",
        title=f"{hub_name(endpoint)} broke off in the middle of a file",
        detail="The file ended before it was whole. What has come is kept.",
        hint="Go on with the download in a moment.",
        actions=(RETRY,),
    )


def clip(text: str) -> str:
    """One short line that commands no terminal, without the queries of addresses: a storage's are signed."""
    plain = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    line = _SIGNED.sub(r"\1?…", plain)
    return line if len(line) <= EVIDENCE_CHARS else line[: EVIDENCE_CHARS - 1] + "…"
