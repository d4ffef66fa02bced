"""Keeps keys and tokens: in the keyring, or, where there is none, in a file that only the person can read."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from arcdesk.core.errors import ArcDeskError, Problem, UsageError
from arcdesk.core.ident import APP_ID
from arcdesk.core.secrets import HUB_TOKEN, MASK, REMOTE_PREFIX, KeptIn, SecretState, SecretsView
from arcdesk.storage.keyring_thread import KeyringThread, failed_problem, name_of
from arcdesk.storage.secret_file import SecretFile

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

log = logging.getLogger(__name__)

API_KEY_VARIABLE = "ARCDESK_API_KEY"
HUB_VARIABLE = "HF_TOKEN"
HUB_PATH_VARIABLE = "HF_TOKEN_PATH"


class SecretStore:
    """A SecretRepo. What is in the file wins over the keyring: it was put there when the keyring refused.

    The keyring is asked only for names that it is known to hold, so that nobody without a key ever sees
    its prompt.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        file: SecretFile | None = None,
        keyring: KeyringThread | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._file = file or SecretFile()
        self._keyring = keyring or KeyringThread()
        self._uses_file = False

    async def get(self, name: str) -> str | None:
        """The secret, or None. Raises ArcDeskError."""
        if (found := self._from_environment(name)) is not None:
            return _remembered(found[1])
        kept = self._file.read()
        if name in kept.secrets:
            return kept.secrets[name]
        if name not in kept.in_keyring:
            return None
        return _remembered(
            await self._keyring.run(lambda ring: ring.get_password(APP_ID, name) if ring else None)
        )

    async def hub_token(self) -> str | None:
        """The hub's token for a new container. Never raises: most models need none."""
        try:
            return await self.get(HUB_TOKEN)
        except ArcDeskError as error:
            log.warning("the container gets no hub token: %s", error)
            return None

    async def put(self, name: str, secret: str) -> None:
        """Keep it. Raises ArcDeskError; then all is as it was."""
        secret = secret.strip()
        _check(secret)
        MASK.remember(secret)
        if not self._uses_file and await self._put_into_keyring(name, secret):
            self._file.write(self._file.read().with_keyring(name))
        else:
            self._file.write(self._file.read().with_secret(name, secret))

    async def remove(self, name: str) -> None:
        """Forget it, wherever it is. Raises ArcDeskError if the keyring does not let it go."""
        if name in self._file.read().in_keyring:
            await self._keyring.run(lambda ring: _delete(ring, name))
        kept = self._file.read()
        if kept != kept.without(name):
            self._file.write(kept.without(name))

    async def view(self, names: tuple[str, ...]) -> SecretsView:
        """Where they are. Raises ArcDeskError if the file can't be read."""
        kept = self._file.read()
        notice: Problem | None = None
        try:
            keyring = await self._keyring.run(name_of)
        except ArcDeskError as error:
            keyring, notice = "", error.problem
        wanted = dict.fromkeys((*names, *sorted(kept.in_keyring), *sorted(kept.secrets)))
        secrets = []
        for name in wanted:
            if (found := self._from_environment(name)) is not None:
                state = SecretState(name=name, kept_in=KeptIn.VARIABLE, place=found[0])
            elif name in kept.secrets:
                state = SecretState(name=name, kept_in=KeptIn.FILE, place=str(self._file.path))
            elif name in kept.in_keyring:
                state = SecretState(name=name, kept_in=KeptIn.KEYRING, place=keyring)
            else:
                state = SecretState(name=name)
            secrets.append(state)
        if kept.secrets and notice is None:
            notice = self._file_notice(keyring)
        return SecretsView(secrets=tuple(secrets), keyring=keyring, notice=notice)

    async def move_to_keyring(self) -> None:
        """Each secret leaves the file only when the keyring has given it back. Raises ArcDeskError."""
        self._uses_file = False
        for name, secret in self._file.read().secrets.items():
            if await self._put_into_keyring(name, secret):
                self._file.write(self._file.read().with_keyring(name))

    def use_file(self) -> None:
        """New secrets go into the file, as long as this runs."""
        self._uses_file = True

    async def aclose(self) -> None:
        """Let go of the keyring."""
        self._keyring.close()

    async def _put_into_keyring(self, name: str, secret: str) -> bool:
        """False if there is no keyring."""

        def work(ring: KeyringBackend | None) -> bool:
            if ring is None:
                return False
            ring.set_password(APP_ID, name, secret)
            if ring.get_password(APP_ID, name) != secret:
                raise ArcDeskError(_forgetful())
            return True

        return await self._keyring.run(work)

    def _from_environment(self, name: str) -> tuple[str, str] | None:
        """The variable that sets it, and the secret."""
        variable = API_KEY_VARIABLE if name.startswith(REMOTE_PREFIX) else HUB_VARIABLE
        if value := self._environ.get(variable, "").strip():
            return variable, value
        if name == HUB_TOKEN and (path := self._environ.get(HUB_PATH_VARIABLE, "")):
            try:
                value = Path(path).expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                log.warning("%s names a file that can't be read: %s", HUB_PATH_VARIABLE, error)
            if value:
                return HUB_PATH_VARIABLE, value
        return None

    def _file_notice(self, keyring: str) -> Problem:
        why = "they were put there before there was one" if keyring else "this computer offers no keyring"
        if self._uses_file:
            why = "you chose it"
        return Problem(
            cause="secrets_in_file",
            title="Keys are kept in a file that only you can read",
            detail=f"{self._file.path}, because {why}.",
            hint="Move them to the keyring, which encrypts them."
            if keyring
            else "With GNOME Keyring, KWallet or another Secret Service they can be encrypted.",
        )


def _remembered(secret: str | None) -> str | None:
    if secret:
        MASK.remember(secret)
    return secret


def _delete(ring: KeyringBackend | None, name: str) -> None:
    if ring is None:
        return
    import keyring.errors

    try:
        ring.delete_password(APP_ID, name)
    except keyring.errors.PasswordDeleteError:
        if ring.get_password(APP_ID, name) is not None:
            raise


def _check(secret: str) -> None:
    if secret and secret.isascii() and secret.isprintable():
        return
    raise UsageError(
        Problem(
            cause="bad_setting",
            title="This can't be a key",
            detail="It is empty." if not secret else "It holds characters that no key has.",
            hint="Copy the key again: one line of letters, digits and signs.",
        )
    )


def _forgetful() -> Problem:
    return failed_problem("it did not give back what was put into it")
