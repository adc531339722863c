"""A small original that has everything a clone can stumble over."""

from typing import Any

from bson import ObjectId

from tests.funnels import build_funnel

SHOWN_BY_NO_PAGE = "shown by no page.png"
LARGE_BYTES = 5 * 1024**2 + 1
"""Copied in parts where ``copy.multipart_threshold_bytes`` is at its least."""


def build_whole_funnel(database: Any, s3: Any, bucket: str, *, large: bool = False, seed: int = 1) -> ObjectId:
    """Three pages, images on several of them, one on none, one whose object is gone, a form on all, chat.

    ``large``: the image that no page shows is of more than 5 MiB.
    """
    original_id = build_funnel(
        database,
        s3,
        bucket,
        steps=3,
        images=5,
        image_bytes=700,
        forms=1,
        html_bytes=2_500,
        components_bytes=2_500,
        chat=True,
        seed=seed,
    )
    records = list(database["sites_images"].find({"ref_id": original_id}).sort("_id", 1))
    s3.delete_object(Bucket=bucket, Key=records[3]["key"])
    _add_hidden_image(database, s3, bucket, records[0], LARGE_BYTES if large else 900)
    return original_id


def _add_hidden_image(database: Any, s3: Any, bucket: str, like: dict[str, Any], size_bytes: int) -> None:
    key = f"{like['key'].partition('/')[0][:-1]}e/{SHOWN_BY_NO_PAGE}"
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(size_bytes), ContentType="image/png")
    location = f"{s3.meta.endpoint_url}/{bucket}/{key}"
    database["sites_images"].insert_one(
        {
            **like,
            "_id": ObjectId(),
            "key": key,
            "fileName": SHOWN_BY_NO_PAGE,
            "fileSize": size_bytes,
            "additionalInfo": {**like["additionalInfo"], "Location": location},
        }
    )
