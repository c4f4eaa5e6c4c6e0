"""The certificate of a server that answers as Bitbucket, replaced long before it ends."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from onebucket.embedded_server import NotRenewed
from onebucket.redirect.certificate_authority import CERTIFICATE_DAYS, CertificateAuthority, UntrustworthyFolder

# A third of its time is left then for whatever keeps it from being replaced.
RENEWED_AFTER_DAYS = CERTIFICATE_DAYS * 2 // 3


class ServerCertificate:
    """Issues certificates into new folders below `folder`; `authority` returns the one to issue them at a moment."""

    def __init__(
        self,
        folder: Path,
        authority: Callable[[datetime], CertificateAuthority],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._authority = authority
        self._clock = clock
        self._due = datetime.min.replace(tzinfo=UTC)

    def issue(self) -> tuple[Path, Path]:
        """Issue the next certificate; return the paths of its chain and key. Raises UntrustworthyFolder."""
        now = self._clock()
        # Both files are new: nobody ever reads a chain with the key of another.
        files = self._authority(now).issue(Path(tempfile.mkdtemp(dir=self._folder)), at=now)
        self._due = now + timedelta(days=RENEWED_AFTER_DAYS)
        return files

    def renew_if_due(self) -> tuple[Path, Path] | None:
        """Issue the next certificate if it is time. Raises NotRenewed."""
        if self._clock() < self._due:
            return None
        try:
            return self.issue()
        except (UntrustworthyFolder, OSError) as error:
            raise NotRenewed(str(error)) from error
