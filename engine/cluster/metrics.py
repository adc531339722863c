"""Every metric that is exported through Ray, by name, as plain values: ``measures`` gathers, ``meter`` records.

Labels are few and their values are, too: an outcome, a stage, the database; never an id. Ray puts ``ray_`` before a
name and its own labels beside ours; a counter's name gets ``_total``, a histogram's ``_bucket``, ``_sum``, ``_count``.
A histogram's ``_sum`` is approximate: Ray hands on how many fell into each bucket, and takes each for its middle.
"""

from typing import Literal, NamedTuple

PREFIX = "funnel_clone_"
DATABASE = "database"
"""A label of every metric: one cluster may serve several databases."""

_LONG_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_SHORT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)


class Metric(NamedTuple):
    """One metric, before Ray changes its name."""

    name: str
    kind: Literal["counter", "gauge", "stamp", "histogram"]
    """``gauge``: the sum over whoever tells it, 0 when all fell silent. ``stamp``: a Unix time that only grows."""
    meaning: str
    labels: tuple[str, ...] = ()
    """Without ``database``."""
    buckets: tuple[float, ...] = ()

    def exported(self) -> tuple[str, ...]:
        """The names that Prometheus sees."""
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(self.kind, ("",))
        return tuple(f"ray_{self.name}{ending}" for ending in endings)


def _metric(
    kind: Literal["counter", "gauge", "stamp", "histogram"],
    name: str,
    meaning: str,
    labels: tuple[str, ...] = (),
    buckets: tuple[float, ...] = (),
) -> Metric:
    return Metric(PREFIX + name, kind, meaning, labels, buckets)


PASSES = _metric(
    "counter", "passes", "Passes by how they ended: done, stopped, lease lost, broken, or refused.", ("outcome",)
)
FUNNELS = _metric(
    "counter",
    "funnels",
    "Funnels by what became of them: completed, completed with errors, failed, source deleted, waiting, lost.",
    ("outcome",),
)
STEPS = _metric("counter", "steps", "Steps that came to an end: done, or kept because they were edited.", ("outcome",))
TASKS_FAILED = _metric(
    "counter",
    "tasks_failed",
    "Layouts, steps and ends of funnels that came to nothing, by what followed: retry, fail, drop, replan.",
    ("task", "decision"),
)
RETRIES = _metric("counter", "retries", "Further tries of layouts, steps and ends within a pass.")
IMAGES = _metric("counter", "images", "Images copied, each once, however many pages show it.")
BYTES = _metric("counter", "bytes", "Bytes of these images.")
FORMS = _metric("counter", "forms", "Forms copied.")
COPY_REQUESTS = _metric("counter", "copy_requests", "Copies asked of the object store, each try counted.")
COPIES_REFUSED = _metric(
    "counter",
    "copies_refused",
    "How often a copy actor sends less at once: the object store refused more than it bears.",
)
LEASE_TAKEOVERS = _metric(
    "counter", "lease_takeovers", "Leases taken over from a pass that did not give its own back: it died."
)
LEASE_HELD = _metric("gauge", "lease_held", "1 while a pass holds the lease.")
FUNNELS_IN_HAND = _metric("gauge", "funnels_in_hand", "Funnels that the pass has in hand.")
TASKS_RUNNING = _metric("gauge", "tasks_running", "Layouts, steps and ends of funnels at work now.")
COPIES_ALLOWED = _metric("gauge", "copies_allowed", "Requests that all copy actors together may have in flight now.")
PASS_STARTED_AT = _metric("stamp", "pass_started_timestamp_seconds", "When the last pass took the lease.")
PASS_ENDED_AT = _metric("stamp", "pass_ended_timestamp_seconds", "When the last pass ended, refused ones apart.")
PASS_SECONDS = _metric("histogram", "pass_seconds", "How long a pass took.", buckets=_LONG_S)
STEP_SECONDS = _metric("histogram", "step_seconds", "How long a step took in its worker.", buckets=_LONG_S)
STAGE_SECONDS = _metric(
    "histogram",
    "stage_seconds",
    "How long a stage of a step took: load, images, forms, chat, rewrite, commit.",
    ("stage",),
    _SHORT_S,
)
COPY_SECONDS = _metric(
    "histogram",
    "copy_seconds",
    "From an order, a layout's or a page's, to the copy that answers it, waiting included.",
    buckets=_SHORT_S,
)

METRICS = {found.name: found for found in list(globals().values()) if isinstance(found, Metric)}
"""All of them."""
