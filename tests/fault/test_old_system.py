"""A clone that the system before this one left half made: respected until it is stale, then taken up as it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from engine.upkeep.invariants import snapshot
from tests.fault.audit import Audit
from tests.fault.drill import Drill
from tests.old_cloner import OldCloner

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


class DyingOldCloner(OldCloner):
    """Makes its placeholders and copies its images, ends ``pages`` of the pages, and dies in the next one."""

    def die_after(self, pages: int) -> list[Any]:
        """Flags are all that it leaves: no claim, no mark. Returns its steps' ids, in the original's order by id."""
        originals = list(self.database["funnel.step"].find({"funnel_id": self.original["_id"]}).sort("_id", 1))
        step_ids = [self._placeholder(step) for step in originals]
        self.database["funnels"].update_one(
            {"_id": self.funnel["_id"]}, {"$set": {"steps": step_ids, "in_progress": True}}
        )
        lacking = self._lacking()
        for step, step_id in list(zip(originals, step_ids, strict=True))[:pages]:
            self._page(step, step_id, lacking)
            lacking = []
        self._images(lacking)
        self.touch(step_ids[pages], datetime.now(UTC))
        return step_ids

    def _images(self, lacking: list[dict[str, Any]]) -> dict[str, str]:
        gone = "a&b.png"  # it never noticed that an object was missing: it failed there
        return super()._images([record for record in lacking if record["fileName"] != gone])

    def touch(self, step_id: Any, at: datetime) -> None:
        """The step in its hands, and the funnel."""
        self.database["funnel.step"].update_one({"_id": step_id}, {"$set": {"in_progress": True, "updatedAt": at}})
        self.database["funnels"].update_one({"_id": self.funnel["_id"]}, {"$set": {"updatedAt": at}})


@pytest.mark.parametrize("pages", [0, 1])
def test_b8_what_the_old_system_left_half_made_keeps_its_ids_and_keys_and_is_not_doubled(
    drill: Drill, pages: int
) -> None:
    original = drill.original()
    # The old system knew its own fields alone, and left these out.
    drill.store.images.update_many({}, {"$unset": {"additionalInfo.ETagAtUpload": ""}})
    original = snapshot(drill.database, drill.s3, original.funnel_id)
    clone_id = drill.ask(original, ObjectId())  # by the old system's rule its own account has all names
    old = DyingOldCloner(drill.database, drill.s3, clone_id, drill.settings.chat.preview_domain)
    step_ids = old.die_after(pages)
    images = {r["_id"]: r["key"] for r in drill.store.images.find({"ref_id": clone_id})}
    page = drill.store.steps.find_one({"_id": step_ids[0]})
    assert images

    assert drill.run_until_done() == ["done"]
    untouched = drill.store.funnels.find_one({"_id": clone_id}) or {}
    assert (untouched["in_progress"], "clone" in untouched) == (True, False), "a fresh flag is respected"

    old.touch(step_ids[pages], LONG_AGO)
    assert drill.run_until_done() == ["done"]
    steps = list(drill.store.steps.find({"funnel_id": clone_id}).sort("_id", 1))
    assert [step["_id"] for step in steps] == step_ids
    records = {r["_id"]: r["key"] for r in drill.store.images.find({"ref_id": clone_id})}
    assert images.items() <= records.items()
    found = drill.audit()
    if pages:
        # The page that it ended has its defects; it is done, and stays so (`repair` mends it).
        assert steps[0] == page
        assert (found.doubled, found.orphaned, found.dangling, found.told_twice) == ((), (), (), ())
    else:
        assert found == Audit(), "\n".join(found.lost)
