"""Three funnels to try the engine on: forms, a chat widget, and a sub-account.

Pictures are drawn and pages are written in code; ids are derived from names.

- ``studio`` ``garden`` ``coast``  what stands on the pages
- ``blocks`` ``style``             blocks to HTML
- ``pictures``                     PNG and SVG
- ``documents``                    all of it in the product's shapes
"""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from engine.upkeep.samples import coast, garden, studio
from engine.upkeep.samples.documents import Written, written

PREVIEW_DOMAIN = "preview.example.com"
"""The domain whose support token the samples bring along: the value for ``chat.preview_domain``."""

_FUNNELS = (studio.FUNNEL, garden.FUNNEL, coast.FUNNEL)


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample funnel that stands in the database."""

    funnel_id: ObjectId
    name: str
    account_id: ObjectId
    preview_domain: str
    pages: int
    images: int
    forms: int


def bring_in(database: Any, s3_client: Any, bucket: str, endpoint_url: str) -> list[Sample]:
    """Put the samples into the database and their pictures into the bucket. Safe to repeat: overwrites by ``_id``.

    Args:
        database: A pymongo ``Database``.
        s3_client: A boto3 S3 client.
        bucket: Exists already.
        endpoint_url: What the pictures' addresses on the pages begin with.
    """
    samples = []
    for funnel in _FUNNELS:
        sample = written(funnel, bucket, endpoint_url, PREVIEW_DOMAIN)
        _store(sample, database, s3_client, bucket)
        samples.append(
            Sample(
                funnel_id=sample.funnel_id,
                name=funnel.name,
                account_id=sample.account_id,
                preview_domain=PREVIEW_DOMAIN,
                pages=len(funnel.pages),
                images=len(sample.images),
                forms=len(funnel.forms),
            )
        )
    return samples


def _store(sample: Written, database: Any, s3_client: Any, bucket: str) -> None:
    # Objects before the documents that name them, the funnel's own document last: whoever sees a funnel sees it whole.
    for image in sample.images:
        s3_client.put_object(
            Bucket=bucket,
            Key=image.key,
            Body=image.content,
            ContentType=image.content_type,
            CacheControl="public, max-age=31536000",
        )
    for collection, documents in sample.documents.items():
        for document in documents:
            database[collection].replace_one({"_id": document["_id"]}, document, upsert=True)
