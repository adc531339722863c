"""The tree of errors; every one crosses process borders (Ray re-raises them), so every one is picklable.

::

    CloneError                      says what could not be done, and for which document, object or key
      TransientError                trying again may help
        StoreUnavailable            MongoDB away, stepping down, in conflict, too slow
        ObjectStoreUnavailable      S3 away or answering 5xx
          ObjectStoreBusy           S3 asks for fewer requests, or does not answer in time
        PlanOutdated                the original was edited after the layout: plan anew
      PermanentError                trying again cannot help
        OriginalStepMissing         a page of the original is gone
        ComponentsInvalid           a page's components are no text
        DocumentTooLarge            a rewritten page does not fit in a document
        DocumentInvalid             a document has a field of a type that nothing can be done with
        ObjectMissing               the object behind an image record is gone
        BucketMissing               there is no bucket of the name
        AccessDenied                credentials or rights do not suffice
      ClaimLost                     somebody else holds the funnel now: stop quietly, write nothing
      ConfigError                   before any work: a setting is missing, unknown or impossible
        OtherCode                   a node of the cluster runs another version of the engine
      ServiceUnreachable            before any work: a server that is needed does not answer
"""


class CloneError(Exception):
    """What could not be done; the message names the document, object or key."""


class TransientError(CloneError):
    """Trying again may help."""


class StoreUnavailable(TransientError):
    """MongoDB is away, stepping down, in conflict or too slow."""


class ObjectStoreUnavailable(TransientError):
    """S3 is away, throttling, failing or too slow."""


class ObjectStoreBusy(ObjectStoreUnavailable):
    """S3 asks for fewer requests, or does not answer in time: fewer at once may help."""


class PlanOutdated(TransientError):
    """The original's page was edited after the layout was made."""


class PermanentError(CloneError):
    """Trying again cannot help."""


class OriginalStepMissing(PermanentError):
    """A page of the original is gone."""


class ComponentsInvalid(PermanentError):
    """A page's components are no text."""


class DocumentTooLarge(PermanentError):
    """A document would be larger than MongoDB stores (16 MB)."""


class DocumentInvalid(PermanentError):
    """A document has a field of a type that nothing can be done with."""


class ObjectMissing(PermanentError):
    """The object behind an image record is gone."""


class BucketMissing(PermanentError):
    """There is no bucket of the name."""


class AccessDenied(PermanentError):
    """The credentials or the rights do not suffice."""


class ClaimLost(CloneError):
    """Somebody else holds the funnel now: the work in hand is no longer ours to write."""


class ConfigError(CloneError):
    """A setting is missing, unknown or impossible; raised before any work.

    Attributes:
        key: The setting's dotted name, as in ``steps.concurrency``.
    """

    def __init__(self, key: str, reason: str) -> None:
        """Name the key and say what is wrong with it."""
        super().__init__(key, reason)
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


class OtherCode(ConfigError):
    """A node of the cluster runs another version of the engine: whatever it does is not to be counted on."""


class ServiceUnreachable(CloneError):
    """A server that the work needs does not answer; raised before any work."""
