"""Sample 1: a design studio's launch. Two forms, one of them on two pages."""

from typing import Any

from engine.upkeep.samples.content import Funnel, Page, Picture
from engine.upkeep.samples.pictures import chart, landscape, pattern, portrait

_NIGHT = (38, 44, 92)
_CORAL = (236, 110, 92)
_SKY = (150, 176, 232)

_NAVIGATION: dict[str, Any] = {
    "type": "navigation",
    "brand": "Fernlight Studio",
    "logo": "image:logo",
    "links": [
        {"text": "Studio", "href": "page:home"},
        {"text": "Work", "href": "page:work"},
        {"text": "Prices", "href": "page:prices"},
    ],
}
_FOOTER = {"type": "footer", "text": "Fernlight Studio · brand & web design, made with patience."}

_HOME = Page(
    "home",
    "Fernlight Studio",
    (
        _NAVIGATION,
        {
            "type": "hero",
            "kicker": "Brand & web design",
            "title": "A launch page people remember",
            "text": "We plan, write and design your launch in ten working days. You bring the idea.",
            "image": "image:dawn",
            "button": {"text": "Book a first talk", "href": "page:prices"},
        },
        {
            "type": "features",
            "title": "What you get",
            "items": [
                {"title": "A clear story", "text": "One promise, told on one page.", "picture": "image:ridge"},
                {"title": "Figures you can read", "text": "What works, shown weekly.", "picture": "image:figures"},
                {"title": "A look of your own", "text": "No template, no stock photos.", "picture": "image:bubbles"},
            ],
        },
        {"type": "form", "title": "Tell us what you are launching", "src": "form:enquiry"},
        _FOOTER,
    ),
)

_WORK = Page(
    "work",
    "Work · Fernlight Studio",
    (
        _NAVIGATION,
        {
            "type": "split",
            "title": "From 40 to 400 sign-ups a week",
            "text": "A language school moved its waiting list to one quiet page with one button.",
            "image": "image:growth",
            "button": {"text": "See prices", "href": "page:prices"},
        },
        {
            "type": "quotes",
            "title": "Kind words",
            "items": [
                {"name": "Ines, founder", "text": "They asked better questions than we did.", "picture": "image:ines"},
                {"name": "Jonas, baker", "text": "Sold out on the first day.", "picture": "image:jonas"},
            ],
        },
        _FOOTER,
    ),
)

_PRICES = Page(
    "prices",
    "Prices · Fernlight Studio",
    (
        _NAVIGATION,
        {
            "type": "pricing",
            "title": "Two ways to start",
            "plans": [
                {
                    "name": "Page",
                    "price": "€1,900",
                    "lines": ["One launch page", "Copy & pictures", "Two rounds of changes"],
                    "button": {"text": "Take Page", "href": "page:thanks"},
                },
                {
                    "name": "Launch",
                    "price": "€4,200",
                    "lines": ["Four pages", "Forms & mails", "Figures for a month"],
                    "button": {"text": "Take Launch", "href": "page:thanks"},
                },
            ],
        },
        {"type": "form", "title": "Tell us what you are launching", "src": "form:enquiry"},
        {"type": "form", "title": "Or just get our letter", "src": "form:letter"},
        _FOOTER,
    ),
)

_THANKS = Page(
    "thanks",
    "Thank you · Fernlight Studio",
    (
        _NAVIGATION,
        {
            "type": "thanks",
            "title": "Thank you!",
            "text": "We answer within a day.",
            "button": {"text": "Back to the start", "href": "page:home"},
        },
        {
            "type": "split",
            "title": "Meanwhile",
            "text": "Have a look at what others have launched with us.",
            "image": "image:evening",
            "button": {"text": "Our work", "href": "page:work"},
        },
        _FOOTER,
    ),
)

FUNNEL = Funnel(
    name="Fernlight Studio launch",
    account="Fernlight Studio",
    parent_account=None,
    colours={"ink": "#262c5c", "accent": "#ec6e5c", "tint": "#f4f5fb"},
    brand_colours=(_NIGHT, _CORAL),
    pictures={
        "dawn": Picture("dawn.png", landscape, 11, (_CORAL, _NIGHT)),
        "ridge": Picture("ridge.png", landscape, 12, (_SKY, _NIGHT)),
        "figures": Picture("figures.png", chart, 13, (_SKY, _NIGHT)),
        "bubbles": Picture("bubbles.png", pattern, 14, (_NIGHT, _CORAL)),
        "growth": Picture("growth 2024.png", chart, 15, (_CORAL, _NIGHT)),
        "ines": Picture("portrait.png", portrait, 16, (_SKY, _CORAL)),
        "jonas": Picture("portrait.png", portrait, 17, (_CORAL, _NIGHT)),
        "evening": Picture("evening.png", landscape, 18, (_NIGHT, (20, 22, 48))),
    },
    pages=(_HOME, _WORK, _PRICES, _THANKS),
    forms={"enquiry": "Launch enquiry", "letter": "Studio letter"},
)
