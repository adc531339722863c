"""Sample 2: an online course with a chat widget on each page; its components escape their slashes."""

from typing import Any

from engine.upkeep.samples.content import Funnel, Page, Picture
from engine.upkeep.samples.pictures import chart, landscape, pattern, portrait

_MOSS = (54, 92, 66)
_LIME = (168, 198, 92)
_SAND = (236, 222, 190)

_NAVIGATION: dict[str, Any] = {
    "type": "navigation",
    "brand": "The Balcony Garden",
    "logo": "image:logo",
    "links": [{"text": "The course", "href": "page:course"}, {"text": "Enrol", "href": "page:enrol"}],
}
_FOOTER = {"type": "footer", "text": "The Balcony Garden · grow something today."}
_CHAT = {
    "type": "script",
    "html": '<script src="https://chat.example.com/widget.js" custom-chat-widget="true" '
    'api-key="chat-key-of-the-course" async></script>',
}

_COURSE = Page(
    "course",
    "The Balcony Garden",
    (
        _NAVIGATION,
        {
            "type": "hero",
            "kicker": "Six weeks, ten minutes a day",
            "title": "Harvest from four square metres",
            "text": "A course for people with a balcony, a watering can and little time.",
            "image": "image:hills",
            "button": {"text": "Enrol now", "href": "page:enrol"},
        },
        {
            "type": "features",
            "title": "Week by week",
            "items": [
                {"title": "Soil", "text": "What to fill the boxes with.", "picture": "image:soil"},
                {"title": "Seeds", "text": "Eight that never fail.", "picture": "image:seeds"},
                {"title": "Harvest", "text": "How much you may expect.", "picture": "image:harvest"},
            ],
        },
        {
            "type": "questions",
            "title": "Asked often",
            "items": [
                {"question": "My balcony faces north?", "answer": "Then you grow salad, mint and chard."},
                {"question": "What if I miss a week?", "answer": "All lessons stay yours."},
            ],
        },
        _FOOTER,
        _CHAT,
    ),
)

_ENROL = Page(
    "enrol",
    "Enrol · The Balcony Garden",
    (
        _NAVIGATION,
        {
            "type": "split",
            "title": "Led by Amélie",
            "text": "Gardener, teacher, and owner of a very small balcony.",
            "image": "image:amelie",
        },
        {
            "type": "pricing",
            "title": "One price",
            "plans": [
                {
                    "name": "The course",
                    "price": "€79",
                    "lines": ["Six weeks", "A box of seeds", "Chat with Amélie"],
                    "button": {"text": "Enrol", "href": "page:welcome"},
                }
            ],
        },
        _FOOTER,
        _CHAT,
    ),
)

_WELCOME = Page(
    "welcome",
    "Welcome · The Balcony Garden",
    (
        _NAVIGATION,
        {"type": "thanks", "title": "You are in!", "text": "Your seeds are on their way."},
        {
            "type": "split",
            "title": "Until they arrive",
            "text": "Find out how much sun your balcony gets.",
            "image": "image:sun",
            "button": {"text": "Back to the course", "href": "page:course"},
        },
        _FOOTER,
        _CHAT,
    ),
)

FUNNEL = Funnel(
    name="The Balcony Garden course",
    account="Green Hours Academy",
    parent_account=None,
    colours={"ink": "#24402d", "accent": "#4f8a3c", "tint": "#f6f3e8"},
    brand_colours=(_MOSS, _LIME),
    pictures={
        "hills": Picture("hills.png", landscape, 21, (_LIME, _MOSS)),
        "soil": Picture("soil & stones.png", pattern, 22, ((92, 70, 52), _SAND)),
        "seeds": Picture("seeds.png", pattern, 23, (_SAND, _MOSS)),
        "harvest": Picture("harvest.png", chart, 24, (_SAND, _MOSS)),
        "amelie": Picture("amélie.png", portrait, 25, (_SAND, _MOSS)),
        "sun": Picture("sun.png", landscape, 26, ((248, 206, 120), _MOSS)),
    },
    pages=(_COURSE, _ENROL, _WELCOME),
    forms={},
    chat=True,
    slashes_escaped=True,
)
