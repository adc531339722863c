"""What a sample funnel is made of, before it has ids and addresses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.upkeep.samples.blocks import Block
from engine.upkeep.samples.pictures import Colour

Draw = Callable[[int, Colour, Colour], bytes]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is drawn when it is needed; ``file_name`` is what its author called it."""

    file_name: str
    draw: Draw
    seed: int
    colours: tuple[Colour, Colour]


@dataclass(frozen=True, slots=True)
class Page:
    """One page; ``blocks`` refer to pictures, pages and forms by name."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """One sample funnel."""

    name: str
    account: str
    """Name of the account that owns it."""
    parent_account: str | None
    colours: Mapping[str, str]
    """CSS custom properties of its stylesheet."""
    brand_colours: tuple[Colour, Colour]
    pictures: Mapping[str, Picture]
    pages: tuple[Page, ...]
    forms: Mapping[str, str]
    """Name -> the title that its owner gave it."""
    chat: bool = False
    slashes_escaped: bool = False
    """Whether its components spell slashes with a backslash before them, as some JSON writers do."""
