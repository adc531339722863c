"""What the engine promises of a completed clone, and the one assertion that holds it to all of it.

Pages
    - Each page of the original has exactly one clone, and ``steps`` has them in the original's order, no doubles.
    - A page's unknown fields are the original's, BSON type for BSON type; its domain and tracking codes are empty.
    - HTML and components are the original's, byte for byte, but for references; a page without HTML has none.
    - Every reference to the funnel, its pages, images and forms leads to the clone's own, in the spelling it had.
      Nothing of the original's is left, unless a recorded failure names it.
    - A chat widget has the preview domain's key, or, with a recorded failure, an empty one: never the original's.
Parts
    - Each image of the original has exactly one record in the clone, whatever pages show it; its key is
      ``<uuid>/<fileName>``, and the object there equals the original's in content, type and metadata.
    - Each form that is embedded has exactly one copy, shared by all pages; no copy is left that no page embeds.
    - What could not be cloned is told: in the page's ``errors``, in its ``processed`` flags, in ``clone.errors``.
The end
    - All flags are cleared, and every active user of the account was told exactly once.
The original
    - Not one document or object of it was changed, removed or added.

``engine/upkeep/invariants/violations.py`` names each way to break them.
"""

from typing import Any

from engine.upkeep.invariants import Snapshot, check_clone


def assert_sound(
    database: Any, s3: Any, clone_id: Any, before: Snapshot | None, preview_domain: str | None = None
) -> None:
    """Fail with every violation listed. ``before`` is the original's snapshot; None where it may have changed."""
    found = check_clone(database, s3, clone_id, original_before=before, preview_domain=preview_domain)
    if found:
        lines = "\n".join(f"  - {violation}" for violation in found)
        raise AssertionError(f"clone {clone_id} is not sound: {len(found)} violations\n{lines}")
