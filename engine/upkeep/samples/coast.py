"""Sample 3: a guest house's booking funnel, owned by a sub-account; a form and a chat widget that is turned off."""

from typing import Any

from engine.upkeep.samples.content import Funnel, Page, Picture
from engine.upkeep.samples.pictures import landscape, pattern, portrait

_SEA = (48, 112, 138)
_DUNE = (232, 196, 148)
_DEEP = (22, 48, 70)

_NAVIGATION: dict[str, Any] = {
    "type": "navigation",
    "brand": "House on the Dune",
    "logo": "image:logo",
    "links": [
        {"text": "The house", "href": "page:house"},
        {"text": "Rooms", "href": "page:rooms"},
        {"text": "Guests", "href": "page:guests"},
    ],
}
_FOOTER = {"type": "footer", "text": "House on the Dune · six rooms, one sea."}

_HOUSE = Page(
    "house",
    "House on the Dune",
    (
        _NAVIGATION,
        {
            "type": "hero",
            "kicker": "Six rooms by the sea",
            "title": "Sleep where the road ends",
            "text": "No television, good bread, and the beach behind the garden gate.",
            "image": "image:coast",
            "button": {"text": "See the rooms", "href": "page:rooms"},
        },
        {
            "type": "split",
            "title": "Breakfast until noon",
            "text": "You are on holiday, and so is the clock.",
            "image": "image:morning",
            "button": {"text": "What guests say", "href": "page:guests"},
        },
        _FOOTER,
    ),
)

_ROOMS = Page(
    "rooms",
    "Rooms · House on the Dune",
    (
        _NAVIGATION,
        {
            "type": "features",
            "title": "Rooms",
            "items": [
                {"title": "Gull", "text": "Two beds, a view of the sea.", "picture": "image:gull"},
                {"title": "Seal", "text": "A large bed, a small balcony.", "picture": "image:seal"},
                {"title": "Crab", "text": "Up in the roof, for two and a child.", "picture": "image:crab"},
            ],
        },
        {
            "type": "pricing",
            "title": "A night",
            "plans": [
                {
                    "name": "Weekday",
                    "price": "€110",
                    "lines": ["Breakfast", "Bicycles"],
                    "button": {"text": "Ask for a room", "href": "page:request"},
                },
                {
                    "name": "Weekend",
                    "price": "€145",
                    "lines": ["Breakfast", "Bicycles", "Sauna"],
                    "button": {"text": "Ask for a room", "href": "page:request"},
                },
            ],
        },
        _FOOTER,
    ),
)

_GUESTS = Page(
    "guests",
    "Guests · House on the Dune",
    (
        _NAVIGATION,
        {
            "type": "quotes",
            "title": "From the guest book",
            "items": [
                {"name": "Marta", "text": "We came for two nights and stayed for six.", "picture": "image:marta"},
                {"name": "Oskar", "text": "The quietest room of my life.", "picture": "image:oskar"},
            ],
        },
        _FOOTER,
    ),
)

_REQUEST = Page(
    "request",
    "Ask for a room · House on the Dune",
    (
        _NAVIGATION,
        {"type": "form", "title": "When would you like to come?", "src": "form:booking"},
        _FOOTER,
        {
            "type": "script",
            "html": "<script api-key='chat-key-of-the-house' custom-chat-widget='true' "
            "src='https://chat.example.com/widget.js'></script>",
        },
    ),
)

_THANKS = Page(
    "thanks",
    "See you · House on the Dune",
    (
        _NAVIGATION,
        {
            "type": "thanks",
            "title": "We are looking forward to you",
            "text": "You will hear from us today.",
            "button": {"text": "Back to the house", "href": "page:house"},
        },
        _FOOTER,
    ),
)

FUNNEL = Funnel(
    name="House on the Dune booking",
    account="House on the Dune",
    parent_account="Coastline Marketing",
    colours={"ink": "#16384c", "accent": "#30708a", "tint": "#f7f1e8"},
    brand_colours=(_SEA, _DUNE),
    pictures={
        "coast": Picture("coast.png", landscape, 31, (_SEA, _DEEP)),
        "morning": Picture("morning.png", landscape, 32, (_DUNE, _SEA)),
        "gull": Picture("room.png", pattern, 33, (_DUNE, _SEA)),
        "seal": Picture("room.png", pattern, 34, (_SEA, _DEEP)),
        "crab": Picture("room (roof).png", pattern, 35, (_DEEP, _DUNE)),
        "marta": Picture("marta.png", portrait, 36, (_SEA, _DUNE)),
        "oskar": Picture("oskar.png", portrait, 37, (_DUNE, _DEEP)),
    },
    pages=(_HOUSE, _ROOMS, _GUESTS, _REQUEST, _THANKS),
    forms={"booking": "Room request"},
)
