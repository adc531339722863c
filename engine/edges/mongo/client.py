"""The connection: codec, write concern, transactions, and pymongo's errors as the engine's own."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any, TypeVar

import pymongo
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidDocument
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from engine.core import errors
from engine.core.model import DocId
from engine.core.policy import mongo_error_is_transient
from engine.settings import MongoSettings

Document = dict[str, Any]
Result = TypeVar("Result")

SELECTION_TIMEOUT_MS = 10_000
# A server that says that it goes is looked for anew: within a second or two where it stays.
_END_TIMEOUT_S = 5.0
MOST_DOCUMENT_BYTES = 16 * 1024**2
"""Of a document as BSON, and of one batch of a cursor: what MongoDB stores, and sends."""
_BSON_OBJECT_TOO_LARGE = frozenset({10334, 17280, 17419, 17420})
_AUTHENTICATION_FAILED = 18
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_UNAUTHORIZED = frozenset({13, _AUTHENTICATION_FAILED})

# Dates beyond Python's years stay what they are instead of failing; UUIDs stay Binary with their subtype: the
# product's documents pass through unchanged (contract, section 1).
CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@dataclass(frozen=True, slots=True)
class Store:
    """One process's connection to the product's database. Safe to share between threads."""

    client: MongoClient[Document]
    db: Database[Document]

    @property
    def funnels(self) -> Collection[Document]:
        """Funnels, originals and clones alike."""
        return self.db["funnels"]

    @property
    def steps(self) -> Collection[Document]:
        """Pages: one document each, HTML included."""
        return self.db["funnel.step"]

    @property
    def components(self) -> Collection[Document]:
        """Components trees of the pages, JSON in a string."""
        return self.db["funnel.step.components"]

    @property
    def images(self) -> Collection[Document]:
        """Image records; their objects lie in S3."""
        return self.db["sites_images"]

    @property
    def forms(self) -> Collection[Document]:
        """Forms, named on pages by ``form_secret_id``."""
        return self.db["forms"]

    @property
    def outbox(self) -> Collection[Document]:
        """Notifications, for gateways and other services to read."""
        return self.db["clone_outbox"]

    @property
    def passes(self) -> Collection[Document]:
        """One record a pass."""
        return self.db["clone_passes"]

    @property
    def leases(self) -> Collection[Document]:
        """Who runs a pass now, and until when."""
        return self.db["clone_leases"]

    @property
    def requests(self) -> Collection[Document]:
        """Keys under which clones were asked for over HTTP, so that a repeat asks for no second one."""
        return self.db["clone_requests"]

    @property
    def tombstones(self) -> Collection[Document]:
        """What undone clones had in S3, for `gc`: what a late copy brings back is nobody's."""
        return self.db["clone_tombstones"]

    def transaction(self, body: Callable[[ClientSession], Result]) -> Result:
        """Run ``body`` in a majority transaction, again from its start on transient errors: it must be repeatable."""
        with self.client.start_session() as session:
            try:
                return session.with_transaction(
                    body, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
                )
            except (PyMongoError, errors.StoreUnavailable):
                # A deadline that has passed keeps the abort from being sent, and none is sent after a refused commit:
                # the server would hold what was written for a minute, against our own next try, too. Without a
                # context, and so without that deadline.
                Context().run(self._end_on_server, session)
                raise

    def _end_on_server(self, session: ClientSession) -> None:
        with suppress(PyMongoError), pymongo.timeout(_END_TIMEOUT_S):
            self.client.admin.command({"killSessions": [session.session_id]})

    def close(self) -> None:
        """Close all sockets; the store cannot be used afterwards."""
        self.client.close()


def open_store(settings: MongoSettings, *, listeners: list[Any] | None = None) -> Store:
    """Connect lazily: nothing is sent yet.

    ``w: majority`` and reads from the primary whatever the URI says: a claim that a failover rolls back is no claim.

    Args:
        settings: Where the database is.
        listeners: pymongo command listeners, for those who count or profile.

    Raises:
        ConfigError: The URI cannot be read; its text is not repeated, it may hold a password.
    """
    try:
        client: MongoClient[Document] = MongoClient(
            settings.uri,
            appname="funnel-clone",
            serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS,
            connectTimeoutMS=SELECTION_TIMEOUT_MS,
            retryWrites=True,
            retryReads=True,
            event_listeners=listeners or [],
            connect=False,
        )
    except (InvalidURI, ConfigurationError, ValueError) as error:
        # Not `from error`: pymongo's sentence may quote the URI.
        raise errors.ConfigError("mongo.uri", f"cannot be read ({type(error).__name__})") from None
    database = client.get_database(
        settings.database,
        codec_options=CODEC,
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern("majority"),
        read_concern=ReadConcern("local"),
    )
    return Store(client, database)


def require_transactions(store: Store) -> None:
    """Refuse a MongoDB that is away or cannot do transactions. Safe to repeat.

    Raises:
        ServiceUnreachable: No primary answers.
        ConfigError: It refuses the credentials, or is no replica set.
    """
    try:
        hello = store.client.admin.command("hello")
        store.db.command("ping")
        next(iter(store.funnels.find({}, {"_id": 1}).limit(1)), None)
    except OperationFailure as error:
        if error.code in _UNAUTHORIZED:
            raise errors.ConfigError("mongo.uri", "MongoDB refuses these credentials") from None
        raise errors.ServiceUnreachable(f"MongoDB (mongo.uri) answers with an error: code {error.code}") from None
    except PyMongoError as error:
        raise errors.ServiceUnreachable(
            f"MongoDB (mongo.uri) does not answer within {SELECTION_TIMEOUT_MS // 1000} s: {type(error).__name__}"
        ) from None
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise errors.ConfigError(
            "mongo.uri", "is no replica set, and transactions need one: start mongod with --replSet and initiate it"
        )


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn pymongo's errors into the engine's, in this one place; ``what`` names the document or query.

    Raises:
        StoreUnavailable: Trying again may help.
        DocumentTooLarge: A document over 16 MB.
        DocumentInvalid: A value that BSON cannot hold.
        AccessDenied: The credentials or rights do not suffice.
        PermanentError: MongoDB refuses for any other reason.
    """
    try:
        yield
    except DocumentTooLarge as error:
        raise errors.DocumentTooLarge(f"{what}: over the 16 MB that a document holds") from error
    except InvalidDocument as error:
        raise errors.DocumentInvalid(f"{what}: {error}") from error
    except PyMongoError as error:
        raise _engine_error(what, error) from error


def _engine_error(what: str, error: PyMongoError) -> errors.CloneError:
    code = getattr(error, "code", None)
    labels = frozenset(error._error_labels)  # noqa: SLF001 - has_error_label asks for one at a time only
    if isinstance(error, (AutoReconnect, ConnectionFailure)) or error.timeout or mongo_error_is_transient(code, labels):
        return errors.StoreUnavailable(f"{what}: {type(error).__name__}")
    if code in _BSON_OBJECT_TOO_LARGE:
        return errors.DocumentTooLarge(f"{what}: over the 16 MB that a document holds")
    if code in _UNAUTHORIZED:
        return errors.AccessDenied(f"{what}: MongoDB denies it")
    return errors.PermanentError(f"{what}: {error}")


def possible_ids(text: str) -> list[DocId]:
    """All ids that a person may have meant by ``text``: an ObjectId, the text itself, a whole number."""
    ids: list[DocId] = [text]
    if ObjectId.is_valid(text):
        ids.insert(0, ObjectId(text))
    if _WHOLE_NUMBER.fullmatch(text):
        ids.append(int(text))
    return ids


def bounded(seconds: float) -> AbstractContextManager[None]:
    """Within the block every command ends in time, else with StoreUnavailable: a connection may hang."""
    return pymongo.timeout(seconds)


def find_by_text(
    collection: Collection[Document], text: str, fields: Mapping[str, Any] | None = None
) -> Document | None:
    """The document whose ``_id`` reads ``text``; None where there is none."""
    with translated(f"{collection.name} {text}"):
        return collection.find_one({"_id": {"$in": possible_ids(text)}}, fields)


ASCENDING = pymongo.ASCENDING
