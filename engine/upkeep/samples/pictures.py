"""Pictures drawn in code: each one different, none of them a file of this project.

Pure. A scene is a sky that fades from one colour to another, flat shapes on it, and a fine grain that gives the
picture the weight of a photograph (20-120 KB as PNG).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

Colour = tuple[int, int, int]

WIDTH = 480
HEIGHT = 300
_GRAIN_LEVELS = 4
_HIGHEST = 255 - _GRAIN_LEVELS
"""Channels stay below this, so that grain can be added to a whole row at once without a carry."""


@dataclass(frozen=True, slots=True)
class Disc:
    """A filled circle; lengths in pixels."""

    x: int
    y: int
    radius: int
    colour: Colour

    def span(self, y: int) -> tuple[int, int]:
        """First column and the one after the last in row ``y``; equal where the shape is not in that row."""
        rest = self.radius**2 - (y - self.y) ** 2
        half = int(rest**0.5) if rest > 0 else 0
        return self.x - half, self.x + half


@dataclass(frozen=True, slots=True)
class Peak:
    """A triangle that stands on the lower edge of the picture; lengths in pixels."""

    x: int
    top: int
    half_width: int
    colour: Colour

    def span(self, y: int) -> tuple[int, int]:
        """First column and the one after the last in row ``y``; equal where the shape is not in that row."""
        half = max(0, (y - self.top) * self.half_width // (HEIGHT - self.top))
        return self.x - half, self.x + half


@dataclass(frozen=True, slots=True)
class Bar:
    """An upright rectangle; lengths in pixels."""

    x: int
    top: int
    bottom: int
    width: int
    colour: Colour

    def span(self, y: int) -> tuple[int, int]:
        """First column and the one after the last in row ``y``; equal where the shape is not in that row."""
        return (self.x, self.x + self.width) if self.top <= y < self.bottom else (0, 0)


Shape = Disc | Peak | Bar


def landscape(seed: int, sky: Colour, ground: Colour) -> bytes:
    """A sun over mountains, as PNG."""
    draw = Random(seed)  # noqa: S311 - a drawing, no secret
    sun = Disc(
        draw.randrange(90, 390), draw.randrange(60, 130), draw.randrange(28, 52), _mix(sky, (255, 244, 214), 0.8)
    )
    peaks = [
        Peak(
            draw.randrange(-20, WIDTH + 20),
            90 + layer * 26 + draw.randrange(20),
            draw.randrange(150, 320),
            _mix(sky, ground, (layer + 2) / 7),
        )
        for layer in range(6)
    ]
    return _png([sun, *peaks], sky, _mix(sky, (255, 255, 255), 0.6), draw)


def chart(seed: int, paper: Colour, ink: Colour) -> bytes:
    """A rising bar chart on a card, as PNG."""
    draw = Random(seed)  # noqa: S311 - a drawing, no secret
    card = Bar(40, 36, HEIGHT - 36, WIDTH - 80, _mix(paper, (255, 255, 255), 0.75))
    heights = sorted(draw.randrange(30, 180) for _ in range(8))
    bars = [
        Bar(66 + place * 44, HEIGHT - 60 - height, HEIGHT - 60, 28, _mix(paper, ink, 0.35 + place * 0.09))
        for place, height in enumerate(heights)
    ]
    return _png([card, *bars], paper, _mix(paper, ink, 0.3), draw)


def portrait(seed: int, wall: Colour, coat: Colour) -> bytes:
    """Somebody in front of a wall, as PNG."""
    draw = Random(seed)  # noqa: S311 - a drawing, no secret
    skin = draw.choice([(241, 205, 176), (198, 146, 108), (134, 92, 66), (224, 178, 142)])
    hair = draw.choice([(58, 42, 36), (140, 96, 52), (32, 30, 38), (176, 166, 158)])
    shapes: list[Shape] = [
        Disc(WIDTH // 2 + draw.randrange(-150, 150), 120, 110, _mix(wall, (255, 255, 255), 0.35)),
        Disc(WIDTH // 2, 330, 140, coat),
        Disc(WIDTH // 2, 118, 66, hair),
        Bar(WIDTH // 2 - 20, 160, 212, 40, _mix(skin, hair, 0.2)),
        Disc(WIDTH // 2 + draw.randrange(-4, 5), 132, 54, skin),
    ]
    return _png(shapes, wall, _mix(wall, coat, 0.25), draw)


def pattern(seed: int, ground: Colour, accent: Colour) -> bytes:
    """Overlapping discs, for backgrounds, as PNG."""
    draw = Random(seed)  # noqa: S311 - a drawing, no secret
    discs: list[Shape] = [
        Disc(draw.randrange(WIDTH), draw.randrange(HEIGHT), draw.randrange(16, 90), _mix(ground, accent, draw.random()))
        for _ in range(26)
    ]
    return _png(discs, ground, _mix(ground, accent, 0.5), draw)


def logo(letter: str, ground: Colour, accent: Colour) -> bytes:
    """One letter on a rounded tile, as SVG."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" role="img">'
        f'<defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="{_hex(ground)}"/>'
        f'<stop offset="1" stop-color="{_hex(accent)}"/></linearGradient></defs>'
        '<rect width="96" height="96" rx="24" fill="url(#g)"/>'
        '<text x="48" y="66" font-family="Georgia,serif" font-size="54" text-anchor="middle" fill="#fff">'
        f"{letter}</text></svg>"
    ).encode()


def _png(shapes: list[Shape], top: Colour, bottom: Colour, draw: Random) -> bytes:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    pixels = b"".join(b"\0" + row for row in _rows(shapes, top, bottom, draw))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(pixels, 6)),
            _chunk(b"IEND", b""),
        )
    )


def _rows(shapes: list[Shape], top: Colour, bottom: Colour, draw: Random) -> Iterator[bytes]:
    length = WIDTH * 3
    mask = int.from_bytes(b"\1\0\1\0\2\0" * (length // 6), "little")
    for y in range(HEIGHT):
        row = bytearray(bytes(_capped(_mix(top, bottom, y / HEIGHT))) * WIDTH)
        for shape in shapes:
            first, end = (min(max(column, 0), WIDTH) for column in shape.span(y))
            row[first * 3 : end * 3] = bytes(_capped(shape.colour)) * (end - first)
        grain = draw.getrandbits(length * 8) & mask
        yield (int.from_bytes(row, "little") + grain).to_bytes(length, "little")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _capped(colour: Colour) -> Colour:
    red, green, blue = (min(channel, _HIGHEST) for channel in colour)
    return red, green, blue


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
