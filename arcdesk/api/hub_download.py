"""Brings one file of the hub into the Hugging Face cache, going on where an earlier try ended.

The library keeps no unfinished file over a pause, so the blob is fetched by its `http_get`, which can
go on, into `blobs/<etag>.incomplete`; the library then makes the link to it, as for each of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from arcdesk.api import hub_cache_files, hub_errors, hub_problems
from arcdesk.api.hub_cache_files import INCOMPLETE, NAME, CountedFile, TooLong, opened
from arcdesk.api.hub_caller import HubCaller
from arcdesk.core.download_choice import is_safe_path
from arcdesk.core.downloads import Transfer
from arcdesk.core.hub import HubFile
from arcdesk.core.hub_error import HubDamaged, HubError, TransferStopped

REPO_ID = re.compile(r"(?!.*\.\.)[0-9A-Za-z][\w.-]{0,95}(/[0-9A-Za-z_][\w.-]{0,95})?")
HASH_BYTES = 1024 * 1024
LOCK_PATIENCE_S = 5.0


class HubDownload:
    """A HubFiles over one cache folder, which holds a folder models--org--name for each model."""

    def __init__(self, caller: HubCaller, cache: Callable[[], Path]) -> None:
        self._caller = caller
        self._cache = cache

    async def have(self, repo_id: str, commit: str, files: tuple[HubFile, ...]) -> dict[str, int]:
        """Bytes of each file that are on the disk."""
        folder = self._folder(repo_id)
        return await self._caller.local(
            lambda: {file.path: hub_cache_files.have_bytes(folder, commit, file) for file in files}
        )

    async def free_bytes(self) -> int:
        """Room on the cache's disk, for this person. Raises HubError."""
        return await self._caller.local(lambda: hub_cache_files.free_bytes(self._cache()))

    async def fetch(self, repo_id: str, commit: str, file: HubFile, transfer: Transfer) -> None:
        """Bring one file. Raises HubError, HubDamaged, TransferStopped."""
        folder = self._folder(repo_id)

        def work(endpoint: str, token: str | bool) -> None:
            one = _Fetch(endpoint, token, repo_id, commit, file, folder, transfer)
            try:
                one.run()
            except OSError as error:
                if transfer.is_stopped:
                    raise TransferStopped from error
                if error.errno is None:  # the library's own errors, which are no matter of the disk
                    raise
                raise hub_errors.of_disk(error, str(self._cache())) from error

        await self._caller.call(repo_id, work, transfer)

    async def finish(self, repo_id: str, revision: str, commit: str) -> None:
        """Write the reference, in one step. Raises HubError."""
        folder = self._folder(repo_id)
        if revision == commit or not is_safe_path(revision) or not NAME.fullmatch(commit):
            return

        def work() -> None:
            try:
                hub_cache_files.write_ref(folder / "refs" / revision, commit)
            except OSError as error:
                raise hub_errors.of_disk(error, str(self._cache())) from error

        await self._caller.local(work)

    async def discard(self, repo_id: str, partials: tuple[str, ...]) -> None:
        """Remove these unfinished files, and folders that are empty then."""
        folder = self._folder(repo_id)
        await self._caller.local(lambda: hub_cache_files.discard(folder, partials))

    def _folder(self, repo_id: str) -> Path:
        if not REPO_ID.fullmatch(repo_id):
            raise HubError(hub_problems.bad_name(repo_id))
        return self._cache() / f"models--{repo_id.replace('/', '--')}"


class _Fetch:
    """One try of one file, in its thread."""

    def __init__(
        self,
        endpoint: str,
        token: str | bool,
        repo_id: str,
        commit: str,
        file: HubFile,
        folder: Path,
        transfer: Transfer,
    ) -> None:
        self._endpoint = endpoint
        self._token = token
        self._repo_id = repo_id
        self._commit = commit
        self._file = file
        self._folder = folder
        self._transfer = transfer

    def run(self) -> None:
        """Blob first, then the link to it."""
        if not is_safe_path(self._file.path) or not NAME.fullmatch(self._commit):
            raise HubError(hub_problems.no_hub(self._endpoint, "It names a file outside of its folder."))
        pointer = self._folder / "snapshots" / self._commit / self._file.path
        if not pointer.exists():
            self._bring_blob()
            self._link()
        size_bytes = pointer.stat().st_size
        if self._file.size_bytes is not None and size_bytes != self._file.size_bytes:
            raise HubError(hub_problems.wrong_on_disk(self._file.path))
        self._transfer.have_bytes = size_bytes

    def _bring_blob(self) -> None:
        from huggingface_hub.file_download import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(self._repo_id, self._file.path, revision=self._commit, endpoint=self._endpoint)
        told = get_hf_file_metadata(url, token=self._token, endpoint=self._endpoint)
        etag, size_bytes = told.etag or "", told.size
        if told.commit_hash is None or not NAME.fullmatch(etag):
            raise HubError(
                hub_problems.no_hub(self._endpoint, "Its answer lacks what a hub says of its files.")
            )
        if told.commit_hash != self._commit:
            why = f"Asked for commit {self._commit[:12]}, it gives another one."
            raise HubError(hub_problems.no_hub(self._endpoint, why))
        known = self._file.size_bytes
        if known is not None and size_bytes is not None and known != size_bytes:
            why = f"It tells two sizes of {self._file.path}: {known} and {size_bytes} bytes."
            raise HubError(hub_problems.no_hub(self._endpoint, why))
        blob = self._folder / "blobs" / etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        with self._lock(etag):
            if not blob.exists():
                partial = blob.with_name(blob.name + INCOMPLETE)
                self._fill(url, partial, size_bytes if size_bytes is not None else known)
                self._verify(partial, etag)
                partial.replace(blob)

    def _fill(self, url: str, partial: Path, size_bytes: int | None) -> None:
        """Bytes of an earlier try stay, unless they are more than there should be."""
        from huggingface_hub import constants
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there

        if size_bytes is not None and size_bytes > constants.MAX_HTTP_DOWNLOAD_SIZE:
            raise HubError(hub_problems.too_large(self._file.path))
        if self._transfer.is_stopped:  # while it waited for the lock: nobody would remove what it makes now
            raise TransferStopped
        if not partial.exists():
            self._transfer.partial = partial.name
        headers = build_hf_headers(token=self._token, headers={"Accept-Encoding": "identity"})
        with opened(partial) as raw:
            file = CountedFile(raw, self._transfer, size_bytes)
            have_bytes = file.seek(0, os.SEEK_END)
            if size_bytes is not None and have_bytes > size_bytes:
                have_bytes = file.seek(0)
                file.truncate()
            self._transfer.have_bytes = have_bytes
            try:
                # It follows the redirect of the hub itself, which drops the token on the way to another host.
                http_get(
                    url,
                    file,  # type: ignore[arg-type]  # it writes, seeks and truncates, and no more
                    resume_size=have_bytes,
                    headers=headers,
                    expected_size=size_bytes,
                )
            except TooLong as error:
                file.seek(0)
                file.truncate()
                raise HubDamaged(hub_problems.damaged(self._file.path), is_passing=True) from error
            except OSError as error:
                if error.errno is None and "Consistency check failed" in str(error):
                    raise HubError(hub_problems.broken_off(self._endpoint), is_passing=True) from error
                raise

    def _verify(self, partial: Path, etag: str) -> None:
        """Only what has the right checksum gets a finished blob's name."""
        wanted = self._file.sha256 or (etag if re.fullmatch(r"[0-9a-f]{64}", etag) else "")
        if not wanted:
            return
        self._transfer.is_verifying = True
        try:
            found = hashlib.sha256()
            with partial.open("rb") as file:
                while chunk := file.read(HASH_BYTES):
                    if self._transfer.is_stopped:
                        raise TransferStopped
                    found.update(chunk)
        finally:
            self._transfer.is_verifying = False
        if found.hexdigest() != wanted:
            partial.unlink()
            self._transfer.have_bytes = 0
            raise HubDamaged(hub_problems.damaged(self._file.path), is_passing=True)

    def _link(self) -> None:
        """The library's part: folders, the tag for backups, and a link or, where there are none, a copy."""
        from huggingface_hub.file_download import hf_hub_download

        hf_hub_download(
            self._repo_id,
            self._file.path,
            revision=self._commit,
            cache_dir=self._folder.parent,
            endpoint=self._endpoint,
            token=self._token,
        )

    @contextlib.contextmanager
    def _lock(self, etag: str) -> Iterator[None]:
        """The library's own, which other programs honour as well."""
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # documented there

        path = self._folder.parent / ".locks" / self._folder.name / f"{etag}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = WeakFileLock(path, timeout=LOCK_PATIENCE_S)
        try:
            lock.__enter__()
        except Timeout as error:
            raise HubError(hub_problems.locked(self._file.path), is_passing=True) from error
        try:
            yield
        finally:
            lock.__exit__(None, None, None)
