"""What names and types are checked against: ``engine.settings``, put in the few types that OmegaConf knows."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, make_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from engine.settings import Settings

SECTIONS: Mapping[str, type[Any]] = get_type_hints(Settings)
"""Section -> its settings."""


@cache
def keys() -> Mapping[str, Field[Any]]:
    """Dotted key -> its field, in the order of the settings."""
    return {f"{name}.{found.name}": found for name, kind in SECTIONS.items() for found in fields(kind)}


@cache
def secret_keys() -> frozenset[str]:
    """The keys whose values are never shown: what the settings leave out of their ``repr``."""
    return frozenset(key for key, found in keys().items() if not found.repr)


@cache
def schema() -> type[Any]:
    """A dataclass of dataclasses, with the defaults of the settings."""
    sections = []
    for name, kind in SECTIONS.items():
        hints = get_type_hints(kind)
        checked = [(found.name, *_checked(found.name, hints[found.name], found.default)) for found in fields(kind)]
        section = make_dataclass(f"{name.title()}Section", checked)
        sections.append((name, section, field(default_factory=section)))
    return make_dataclass("Schema", sections)


def _checked(name: str, hint: Any, default: Any) -> tuple[Any, Any]:
    """A field's type and default. Any text may be not set: a command asks for what it needs, and not for the rest."""
    if get_origin(hint) is Literal:
        choices = cast("Any", Enum)(name, {choice: choice for choice in get_args(hint)})
        return choices, choices[default]
    if hint is str:
        hint = str | None
    return hint, None if default is MISSING else default


def expected(key: str) -> str:
    """What a key takes, in words."""
    section, name = key.split(".")
    hint = get_type_hints(SECTIONS[section])[name]
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    if float in (hint, *get_args(hint)):
        return "a number"
    if hint is bool:
        return "true or false"
    return "a whole number" if int in (hint, *get_args(hint)) else "a text"
