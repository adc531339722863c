r"""``key=value`` and ``group=option`` of a command line, as Hydra's parser takes them.

A value is taken as it stands, so that a URI or a password needs no second quoting inside the shell's: Hydra's lists,
sweeps and functions, and OmegaConf's interpolation, are for files. Only quotes around a whole value are Hydra's own.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from engine.configuration.files import groups, options
from engine.configuration.schema import SECTIONS, keys
from engine.core.errors import ConfigError

_KEY = re.compile(r"[a-z_]\w{0,40}(\.\w{1,40}){0,3}", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_NULL = "null"


def for_hydra(overrides: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    """One override per key: the last one, or the given value.

    Raises:
        ConfigError: A key or an option is unknown, or an argument is no override; names the key, never the value.
    """
    wanted = dict(_parsed(override, place) for place, override in enumerate(overrides, 1))
    for key, value in given.items():
        _require_known(key)
        wanted[key] = _NULL if value is None else _quoted(str(value))
    return [f"{key}={value}" for key, value in wanted.items()]


def is_key(text: str) -> bool:
    """Whether it has the form of a key, and may be repeated in a message."""
    return _KEY.fullmatch(text) is not None


def literal(text: str) -> str:
    """Without interpolation: a password may hold ``${``, and no argument can ask for a secret's value."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def _parsed(override: str, place: int) -> tuple[str, str]:
    key, equals, value = override.partition("=")
    name = key.lstrip("+~")
    if not is_key(name) or not (equals or name in keys()):
        # Not repeated: it may be a value that lost its key.
        raise ConfigError(f"argument {place}", "must be KEY=VALUE, as in steps.concurrency=8")
    _require_known(name)
    if name != key or not equals:
        raise ConfigError(name, f"must be written {name}=VALUE: keys can be neither added nor removed")
    if name in groups():
        if value not in options(name):
            raise ConfigError(name, f"must be one of {', '.join(options(name))}{_keys_within(name)}")
        return name, value
    if value.lower() in ("", _NULL):
        return name, _NULL
    return name, literal(value) if _QUOTED.fullmatch(value) else _quoted(value)


def _quoted(text: str) -> str:
    # Within quotes a backslash counts only before a quote, and is doubled there.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", literal(text))
    return "'" + re.sub(r"(\\+)\Z", r"\1\1", escaped) + "'"


def _require_known(key: str) -> None:
    if key in keys() or key in groups():
        return
    if key in SECTIONS:
        raise ConfigError(key, f"is no key{_keys_within(key)}")
    near = _near(key.lower())
    raise ConfigError(key, f"is unknown; did you mean {' or '.join(near)}?" if near else "is unknown")


def _keys_within(section: str) -> str:
    within = [known for known in keys() if known.startswith(f"{section}.")]
    return f"; the keys in it are {', '.join(within)}" if within else ""


def _near(key: str) -> Sequence[str]:
    """The known keys that were probably meant: with this last part, spelt alike, or with a last part spelt alike."""
    known = [*keys(), *groups()]
    ends = [name.rsplit(".", 1)[-1] for name in known]

    def ending(*parts: str) -> Sequence[str]:
        return [name for name, end in zip(known, ends, strict=True) if end in parts]

    alike = get_close_matches(key, known, n=1, cutoff=0.75)
    return ending(key) or alike or ending(*get_close_matches(key.rsplit(".", 1)[-1], ends, n=1, cutoff=0.75))
