"""Errors of both S3 libraries as the engine's own: translated here and nowhere else."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from engine.core import errors
from engine.core.policy import s3_error_is_transient, s3_is_busy

_NOT_FOUND = 404
_DENIED = frozenset({401, 403})
_NO_SUCH_BUCKET = "NoSuchBucket"
_MISSING_CODES = frozenset({"NoSuchKey", "NotFound", "404"})
# Status 403, yet it is about one object: it lies in an archive.
_OF_ONE_OBJECT = frozenset({"InvalidObjectState"})
_OF_A_CHANGE = {
    "PreconditionFailed": "the object changed while it was copied",
    "NoSuchUpload": "its upload was ended by another try",
}

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_DEBUG = "\n\nDebug source"


class ObjectChanged(errors.ObjectStoreUnavailable):
    """The object, or its upload, is no longer the one that was looked at: look again."""


class Answer(NamedTuple):
    """What the store answered; both empty where no answer came."""

    status: int | None
    code: str

    def __str__(self) -> str:
        """For a message: never the text of a library, which may quote what it was given."""
        if self.code:
            return f"S3 answers {self.code}"
        return "S3 does not answer" if self.status is None else f"S3 answers with status {self.status}"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the libraries' errors into the engine's; ``what`` names the request.

    Raises:
        ObjectStoreUnavailable: Trying again may help.
        ObjectStoreBusy: The same, with fewer requests at once.
        ObjectChanged: It is another one than the request's ETag says.
        BucketMissing: There is no such bucket.
        ObjectMissing: There is no such object, or, to a HEAD, no such bucket.
        AccessDenied: The credentials or rights do not suffice.
        PermanentError: The store refuses for any other reason.
    """
    try:
        yield
    except errors.CloneError:
        raise
    except Exception as error:
        answer = answer_of(error)
        if answer is None:
            raise
        raise _engine_error(what, answer) from error


def not_deleted(bucket: str, failed: Sequence[tuple[str, str]]) -> errors.CloneError:
    """The error of a deletion of which some objects, (key, code) each, are left; passing only if all of them are."""
    lasting = [(key, code) for key, code in failed if not s3_error_is_transient(None, code)]
    key, code = (lasting or failed)[0]
    return _engine_error(f"deletion of {len(failed)} objects in {bucket}, such as {key}", Answer(None, code))


def answer_of(error: Exception) -> Answer | None:
    """What the store answered; None for an exception of neither library."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004, PLC0415
    from obstore.exceptions import BaseError  # noqa: PLC0415

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return Answer(status, error.response.get("Error", {}).get("Code", ""))
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return Answer(None, "")
    if isinstance(error, BotoCoreError):
        # Refused before it was sent, such as a bucket's name that can be none.
        return Answer(None, type(error).__name__)
    # obstore tells a missing object by the builtin error, and gives status and code in its sentence only.
    if isinstance(error, (BaseError, FileNotFoundError)):
        return _from_sentence(str(error), is_missing=isinstance(error, FileNotFoundError))
    return None


def _from_sentence(sentence: str, *, is_missing: bool) -> Answer:
    told = sentence.partition(_DEBUG)[0]
    status, code = _STATUS.search(told), _CODE.search(told)
    fallback = _NOT_FOUND if is_missing else None
    return Answer(int(status[1]) if status else fallback, code[1] if code else "")


def _engine_error(what: str, answer: Answer) -> errors.CloneError:
    sentence = f"{what}: {answer}"
    if s3_error_is_transient(answer.status, answer.code):
        busy = s3_is_busy(answer.status, answer.code)
        return (errors.ObjectStoreBusy if busy else errors.ObjectStoreUnavailable)(sentence)
    if change := _OF_A_CHANGE.get(answer.code):
        return ObjectChanged(f"{what}: {change}")
    if answer.code == _NO_SUCH_BUCKET:
        return errors.BucketMissing(sentence)
    if answer.code in _MISSING_CODES or (answer.status == _NOT_FOUND and not answer.code):
        return errors.ObjectMissing(sentence)
    if answer.status in _DENIED and answer.code not in _OF_ONE_OBJECT:
        return errors.AccessDenied(sentence)
    return errors.PermanentError(sentence)
