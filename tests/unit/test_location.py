"""Where an object lies, as the product writes it (B14)."""

import pytest

from engine.core.location import moved_location, object_url

OLD, NEW, ELSE = "a b/é(1)+~.png", "n/x y!é.png", "https://else"


@pytest.mark.parametrize(
    ("location", "moved"),
    [
        (f"https://s3/media/{OLD}", f"https://s3/media/{NEW}"),
        ("https://s3/media/a%20b/%C3%A9(1)%2B~.png", "https://s3/media/n/x%20y!%C3%A9.png"),
        ("https://s3/media/a%20b%2F%C3%A9%281%29%2B~.png", "https://s3/media/n%2Fx%20y%21%C3%A9.png"),
        (f"https://media.s3/{OLD}", f"https://media.s3/{NEW}"),
        (f"{OLD}/{OLD}", f"{OLD}/{NEW}"),
        (f"https://s3/media/x{OLD}", ELSE),
        (f"https://s3/media/{OLD}?v=1", ELSE),
        ("https://s3/media/another.png", ELSE),
        (OLD, ELSE),
        ("", ELSE),
        (None, ELSE),
        (7, ELSE),
    ],
)
def test_b14_the_key_at_the_end_of_a_location_is_moved_in_its_spelling(location: object, moved: str) -> None:
    assert moved_location(location, OLD, NEW, ELSE) == moved


@pytest.mark.parametrize(
    ("endpoint", "virtual", "url"),
    [
        (None, False, "https://s3.eu-west-1.amazonaws.com/media/a b.png"),
        (None, True, "https://media.s3.eu-west-1.amazonaws.com/a b.png"),
        ("http://127.0.0.1:9000/", False, "http://127.0.0.1:9000/media/a b.png"),
        ("http://s3.host//", True, "http://media.s3.host/a b.png"),
    ],
)
def test_b14_an_objects_url_ends_in_its_raw_key(endpoint: str | None, url: str, *, virtual: bool) -> None:
    assert object_url(endpoint, "eu-west-1", "media", "a b.png", virtual=virtual) == url
