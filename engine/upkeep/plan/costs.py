"""What a clone costs the servers: commands and requests that engine/flow sends when all goes well. Pure.

An upper bound of a clone for the original's own account, of which nothing exists yet. Not counted: what is sent once
a pass (lease, heartbeat, its record) and what is sent again (retries, two pages that make one form at once).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from engine.core.copying import byte_ranges, is_bucket_name, part_size_bytes
from engine.edges.mongo.client import MOST_DOCUMENT_BYTES
from engine.edges.mongo.form_places import MOST_FORM_PLACES, PLACE_BYTES
from engine.edges.mongo.structure import BATCH_DOCUMENTS
from engine.settings import CopySettings
from engine.upkeep.plan.objects import Seen

FIRST_BATCH = 101
"""Documents: a cursor that reaches them asks once more."""

_CLAIM = 1
_TRANSACTION = 3  # the fenced write, one more, the commit


@dataclass(frozen=True, slots=True)
class PageUse:
    """What decides how many commands a page takes."""

    images: int
    """Distinct ones that it shows."""
    forms: int
    """Distinct ones that it embeds or mentions."""
    forms_found: int
    """Those of them that there are."""
    text_bytes: int
    failures: int


@dataclass(frozen=True, slots=True)
class FunnelUse:
    """What decides how many commands the funnel itself takes."""

    image_records: int
    images: int
    """Distinct keys."""
    images_left: int
    """Those that no page shows."""
    images_failed: int
    form_places: int
    """How often pages have the word that a form's place is made of."""
    chat: bool
    """Whether a token is asked for."""


def page_commands(page: PageUse) -> int:
    """Start, load, images told, forms found and made, commit."""
    load = 1 + (page.text_bytes >= MOST_DOCUMENT_BYTES)
    forms = _cursor(page.forms + page.forms_found) if page.forms else 0
    return 1 + load + bool(page.images) + forms + bool(page.forms_found) + _TRANSACTION


def funnel_commands(funnel: FunnelUse, pages: Iterable[PageUse]) -> int:
    """Claim, layout and end."""
    uses = list(pages)
    return _CLAIM + _layout(funnel, len(uses)) + _end(funnel, len(uses), sum(page.failures > 0 for page in uses))


def _layout(funnel: FunnelUse, steps: int) -> int:
    original_and_account, made = 2, 3
    reads = original_and_account + made + _cursor(steps) + _cursor(funnel.image_records) + funnel.chat
    reads += _shared_forms(min(funnel.form_places, MOST_FORM_PLACES)) if steps else 0
    of_steps, of_images = ceil(steps / BATCH_DOCUMENTS), ceil(funnel.images / BATCH_DOCUMENTS)
    transactions = max(of_steps, of_images, 1)
    funnel_and_commit, steps_and_components = 2, 2
    return reads + funnel_and_commit * transactions + steps_and_components * of_steps + of_images


def _shared_forms(places: int) -> int:
    """Read the places, then ask which of their forms there are."""
    full_batches = ceil(places * PLACE_BYTES / MOST_DOCUMENT_BYTES) if places >= FIRST_BATCH else 0
    return 1 + full_batches + (_cursor(places) if places else 0)


def _end(funnel: FunnelUse, steps: int, steps_failed: int) -> int:
    images = _cursor(funnel.images_left) + bool(funnel.images_left) + _cursor(funnel.images_failed)
    users = 1
    return _cursor(steps) + images + _cursor(steps_failed) + users + _TRANSACTION


def _cursor(documents: int) -> int:
    """Commands that it takes to read so many small documents."""
    return 1 + (documents >= FIRST_BATCH)


def copy_requests(seen: Seen, copy: CopySettings) -> int:
    """Requests that one image takes; an object that is gone is asked for in vain, a bucket that can be none is not."""
    if not is_bucket_name(seen.image.bucket):
        return 0
    size_bytes = seen.size_bytes
    recorded = seen.image.size_bytes or 0
    if size_bytes is None or max(size_bytes, recorded) <= copy.multipart_threshold_bytes:
        return 1
    in_vain = recorded <= copy.multipart_threshold_bytes
    head = 1
    if size_bytes <= copy.multipart_threshold_bytes:
        return head + 1
    begin_and_end = 2
    parts = sum(1 for _ in byte_ranges(size_bytes, part_size_bytes(size_bytes, copy.multipart_part_bytes)))
    return in_vain + head + begin_and_end + parts
