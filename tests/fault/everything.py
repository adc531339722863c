"""All that there is in a database and a bucket, to be compared with what there is later."""

from typing import Any

# Whose turn it is to run a pass is no work of a pass.
_NOT_COMPARED = ("clone_leases", "clone_passes")


def everything(database: Any, s3: Any, bucket: str) -> dict[str, Any]:
    """Collection -> its documents; object's key -> its content's hash. A copy of the same bytes changes nothing."""
    documents = {
        name: list(database[name].find().sort("_id", 1))
        for name in database.list_collection_names()
        if name not in _NOT_COMPARED
    }
    objects = {
        found["Key"]: found["ETag"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for found in page.get("Contents", ())
    }
    return {**documents, "objects": objects}
