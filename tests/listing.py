"""All that a database and a bucket hold, to be compared: what an undo leaves is what stood before the clone."""

from typing import Any

from bson import encode

OF_THE_ENGINE = {"clone_outbox", "clone_passes", "clone_leases", "clone_tombstones"}

Listing = dict[str, list[bytes]]


def listing(database: Any, s3: Any, bucket: str) -> Listing:
    """Every document, as BSON, and every object."""
    options = database.codec_options
    names = set(database.list_collection_names()) - OF_THE_ENGINE
    found = {name: sorted(encode(d, codec_options=options) for d in database[name].find()) for name in names}
    keys = [entry["Key"].encode() for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {**{name: documents for name, documents in found.items() if documents}, "objects": sorted(keys)}
