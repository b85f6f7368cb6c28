"""What can go wrong, as exceptions.

Every failure of Hearth is a `HearthError`. Each code of the protocol has one subclass, and where
Python has a fitting exception of its own the subclass is one of those too, so that
`except KeyError` and `except ConnectionError` do what they say.

>>> import hearth
>>> issubclass(hearth.DimensionMismatch, ValueError)
True
"""

from __future__ import annotations

import errno
from typing import ClassVar


class HearthError(Exception):
    """The root of all errors of Hearth.

    Attributes:
        code: the protocol's name of the failure, such as `"dimension_mismatch"`.
        message: what happened; names the field and the limit.
        hint: what to do next; may be empty.
        retry_after: seconds until a retry makes sense, if the daemon said so (`Busy`).
        rows_committed: rows of a write that were committed before it failed. Only a write too large
            for one batch can have any; see `Namespace.upsert`.
    """

    default_code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.hint = hint
        self.retry_after = retry_after
        self.rows_committed = 0

    @property
    def retryable(self) -> bool:
        """True if nothing is wrong with the call and the same call may succeed later."""
        return self.code in RETRYABLE

    def __str__(self) -> str:
        text = f"{self.message} ({self.hint})" if self.hint else self.message
        if self.rows_committed:
            text += f" [{self.rows_committed} rows were committed before]"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process boundaries (concurrent.futures, multiprocessing).
        state = {"rows_committed": self.rows_committed}
        return (make_error, (self.code, self.message, self.hint, self.retry_after), state)


class InvalidArgument(HearthError, ValueError):
    """An argument is outside what the call accepts."""

    default_code = "invalid_argument"


class DimensionMismatch(HearthError, ValueError):
    """Vectors do not have as many values as the namespace's vectors."""

    default_code = "dimension_mismatch"


class NotFound(HearthError, KeyError):
    """No namespace of that name, or no record with that id."""

    default_code = "not_found"


class AlreadyExists(HearthError):
    """The namespace is there already, or `add` met an id that is."""

    default_code = "already_exists"


class ConfigMismatch(HearthError, ValueError):
    """The namespace exists with another, incompatible configuration."""

    default_code = "config_mismatch"


class LimitExceeded(HearthError, ValueError):
    """A name, id, batch or message is larger than its documented limit."""

    default_code = "limit_exceeded"


class PermissionDenied(HearthError, PermissionError):
    """The store or its socket belongs to somebody else."""

    default_code = "permission_denied"


class Unsupported(HearthError, NotImplementedError):
    """This daemon, or this namespace, cannot do that."""

    default_code = "unsupported"


class ProtocolMismatch(HearthError, ConnectionError):
    """Client and daemon speak different versions of the protocol."""

    default_code = "protocol_mismatch"


class CursorTooOld(HearthError):
    """The change feed does not reach back any more to where the cursor stands.

    Read the records and keys themselves, and go on from the LSN before that.
    """

    default_code = "cursor_too_old"


class Busy(HearthError):
    """A bounded queue is full; try again after `retry_after` seconds (None: when you like)."""

    default_code = "busy"


class Conflict(HearthError):
    """Another writer was faster."""

    default_code = "conflict"


class Timeout(HearthError, TimeoutError):
    """The call took too long. A write may or may not have happened."""

    default_code = "timeout"


class DaemonUnavailable(HearthError, ConnectionError):
    """No daemon, or the connection was lost. A write in flight may or may not have happened."""

    default_code = "unavailable"


class Cancelled(HearthError):
    """The call was cancelled before it was finished."""

    default_code = "cancelled"


class Corruption(HearthError):
    """Stored data does not agree with its checksum or format."""

    default_code = "corruption"


class IoError(HearthError, OSError):
    """The disk or the operating system reported an error."""

    default_code = "io_error"


class NoSpace(HearthError, OSError):
    """The disk is full. `errno` is ENOSPC."""

    default_code = "no_space"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, retry_after=retry_after)
        self.errno = errno.ENOSPC


class ReadOnly(HearthError):
    """The namespace refuses writes since a commit failed, until it is opened again."""

    default_code = "read_only"


class InternalError(HearthError):
    """A bug in Hearth, or a code that this version does not know."""

    default_code = "internal"


#: The one table from the protocol's codes to classes.
CLASSES: dict[str, type[HearthError]] = {
    kind.default_code: kind
    for kind in (
        InvalidArgument,
        DimensionMismatch,
        NotFound,
        AlreadyExists,
        ConfigMismatch,
        LimitExceeded,
        PermissionDenied,
        Unsupported,
        ProtocolMismatch,
        CursorTooOld,
        Busy,
        Conflict,
        Timeout,
        DaemonUnavailable,
        Cancelled,
        Corruption,
        IoError,
        NoSpace,
        ReadOnly,
        InternalError,
    )
}

RETRYABLE = frozenset({"busy", "conflict", "timeout", "unavailable", "cancelled"})


def make_error(
    code: str, message: str, hint: str = "", retry_after: float | None = None
) -> HearthError:
    """The exception for a code; `InternalError` for one that this version does not know."""
    return CLASSES.get(code, InternalError)(message, code=code, hint=hint, retry_after=retry_after)
