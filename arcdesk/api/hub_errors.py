"""Turns what can go wrong between us and the model hub into errors for people."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from arcdesk.api import hub_problems as problems
from arcdesk.api.hub_problems import RETRY, clip, hub_name
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.hub_error import HubError, HubNotFound
from arcdesk.core.redact import SECRET

LONGEST_WAIT_S = 600.0  # a hub that asks for more is told of, not waited for


def of_transport(error: Exception, endpoint: str, host: str) -> HubError | None:
    """An exception of httpx2 on the way to `host`; None if it is something else."""
    import httpx2

    evidence = clip(f"{type(error).__name__}: {error}")
    if isinstance(error, httpx2.ProxyError | ImportError):
        return HubError(problems.proxy(evidence))
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL | httpx2.LocalProtocolError):
        return HubError(problems.no_hub(endpoint, "This is not an address that can be asked.", evidence))
    if isinstance(error, httpx2.DecodingError):
        return HubError(problems.no_hub(endpoint, "Its answer can't be read.", evidence))
    if not isinstance(error, httpx2.TransportError):
        return None
    if "CERTIFICATE" in str(error).upper():
        return HubError(problems.untrusted(host, evidence))
    return HubError(problems.unreachable(host, _why(error), evidence), is_passing=True)


def of_status(status: int, headers: Mapping[str, str], endpoint: str) -> HubError:
    """A refusal that will pass: 408, 429, 5xx."""
    name = hub_name(endpoint)
    wait_s = _retry_after_s(headers)
    if status == 429:
        when = f"It asks to wait {wait_s:.0f} s." if wait_s else "It names no time to wait."
        problem = Problem(
            cause="hub_busy",
            title=f"{name} gets too many requests from here",
            detail=when,
            hint="Wait a little, then try again. With a token in the settings the hub allows more.",
            evidence="HTTP 429",
            actions=(RETRY,),
        )
    else:
        problem = Problem(
            cause="hub_down",
            title=f"{name} has a problem of its own",
            detail=f"It answered with HTTP {status}.",
            hint="Try again in a few minutes; what has come is kept.",
            evidence=f"HTTP {status}",
            actions=(RETRY,),
        )
    return HubError(problem, is_passing=(wait_s or 0) <= LONGEST_WAIT_S, retry_after_s=wait_s)


def of_library(error: Exception, endpoint: str, repo_id: str = "", *, token: str = "") -> HubError | None:
    """An exception of huggingface_hub; None if it is a mistake of ours. A server may repeat the token."""
    import httpx2
    from huggingface_hub import errors

    has_token = bool(token)
    evidence = clip(str(error).replace(token, SECRET) if token else str(error))
    if isinstance(error, errors.GatedRepoError):
        return HubError(problems.gated(endpoint, repo_id, evidence, has_token=has_token))
    if isinstance(error, errors.RevisionNotFoundError):
        return HubNotFound(problems.missing("hub_no_revision", f"{repo_id} has no such revision", evidence))
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return HubNotFound(problems.missing("hub_no_file", f"{repo_id} has no such file", evidence))
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubNotFound(problems.not_found(endpoint, repo_id, evidence, has_token=has_token))
    if isinstance(error, errors.HfHubHTTPError):
        return _refused(error.response.status_code, endpoint, repo_id, evidence, has_token=has_token)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubError(problems.offline(endpoint))
    if isinstance(error, errors.HFValidationError):
        return HubNotFound(problems.bad_name(repo_id))
    if isinstance(error, errors.FileMetadataError | errors.LocalEntryNotFoundError):
        return HubError(problems.no_hub(endpoint, "Its answer lacks what a hub says of its files.", evidence))
    if isinstance(error, httpx2.TooManyRedirects):
        return HubError(problems.no_hub(endpoint, "It sends us in circles.", evidence))
    if isinstance(
        error, ValueError | KeyError | TypeError | AttributeError | RecursionError
    ):  # no hub's JSON
        return HubError(problems.no_hub(endpoint, "Its answer can't be read.", evidence))
    return None


def of_disk(error: OSError, folder: str) -> HubError:
    """The cache can't be written."""
    evidence = clip(str(error))
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        problem = Problem(
            cause="disk_full",
            title="The disk is full",
            detail=f"No more fits into {folder}. What has come so far is kept.",
            hint="Delete a model that you don't need, or free space otherwise; then go on.",
            evidence=evidence,
            actions=(Action(kind=ActionKind.OPEN_MODELS, label="Show models"), RETRY),
        )
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        problem = Problem(
            cause="cache_not_yours",
            title="The model cache can't be written",
            detail=f"Parts of {folder} may belong to another user, such as root by way of a container.",
            hint="Give the files back to yourself, then try again.",
            evidence=evidence,
            actions=(Action(kind=ActionKind.OWN_CACHE, label="Give them back"), RETRY),
        )
    elif error.errno == errno.ENOENT:
        problem = Problem(
            cause="download_removed",
            title="The files of this download are gone",
            detail=f"Somebody deleted or moved them in {folder} while they came.",
            hint="To have the model, begin anew.",
            evidence=evidence,
            actions=(RETRY,),
        )
    else:
        problem = Problem(
            cause="storage_unwritable",
            title="The model cache can't be written",
            detail=f"{folder}: {(error.strerror or str(error)).rstrip('.')}.",
            hint="Check the disk, then try again.",
            evidence=evidence,
            actions=(RETRY,),
        )
    return HubError(problem)


def _refused(status: int, endpoint: str, repo_id: str, evidence: str, *, has_token: bool) -> HubError:
    name = hub_name(endpoint)
    if status == 401:
        title = f"{name} does not accept your token" if has_token else f"{name} wants a token"
        problem = Problem(
            cause="hub_token",
            title=title,
            detail="It may have expired or been revoked."
            if has_token
            else f"{repo_id} is not open to everybody.",
            hint="Make a token with the right to read on the hub's page; put it in the settings, Privacy.",
            evidence=evidence,
            actions=(RETRY,),
        )
    elif status == 403:
        problem = Problem(
            cause="hub_forbidden",
            title=f"{name} refuses {repo_id or 'the request'}",
            detail="Your token may lack the right to read it.",
            hint="Give the token the right to read on the hub's page, or use another.",
            evidence=evidence,
            actions=(RETRY,),
        )
    elif status == 404:
        return HubNotFound(problems.not_found(endpoint, repo_id, evidence, has_token=has_token))
    else:
        problem = problems.no_hub(endpoint, f"It answered with HTTP {status}.", evidence)
    return HubError(problem)


def _why(error: Exception) -> str:
    import httpx2

    text = str(error)
    if isinstance(error, httpx2.ConnectTimeout):
        return "It didn't answer in time."
    if isinstance(error, httpx2.TimeoutException):
        return "Nothing came from it for too long."
    if "Name or service" in text or "getaddrinfo" in text or "name resolution" in text:
        return "The name is not known to the network: there may be no connection."
    if isinstance(error, httpx2.ConnectError):
        refused = "refused" in text.lower()
        return "Nothing listens at this address." if refused else "No connection could be made."
    return "The connection broke off."


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() else None
