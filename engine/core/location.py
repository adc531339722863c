"""Where an object lies, as the product's image records spell it."""

from urllib.parse import quote

_KEPT = "/~-_.!*'()"


def moved_location(location: object, source_key: str, key: str, fallback: str) -> str:
    """The original's ``Location`` with its key replaced by the new one; ``fallback`` where it does not end in the key.

    The URL's spelling is kept: a key that stood percent-encoded is replaced by a percent-encoded one.
    """
    if not isinstance(location, str):
        return fallback
    for spelled in (lambda text: text, lambda text: quote(text, safe=_KEPT), lambda text: quote(text, safe="")):
        if location.endswith("/" + spelled(source_key)):
            return location.removesuffix(spelled(source_key)) + spelled(key)
    return fallback


def object_url(endpoint_url: str | None, region: str, bucket: str, key: str, *, virtual: bool) -> str:
    """The object's URL as the product writes it: the key stands raw at the end."""
    host = f"https://s3.{region}.amazonaws.com" if endpoint_url is None else endpoint_url.rstrip("/")
    if virtual:
        scheme, _, rest = host.partition("://")
        return f"{scheme}://{bucket}.{rest}/{key}"
    return f"{host}/{bucket}/{key}"
