"""Writers of text, each escaping in its own way, made of the standard library: what the engine has to read.

They share nothing with the engine. A row of docs/spellings.md is one of ``ROWS``, by name.
"""

import json
import re
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

Writer = Callable[[str], str]

BROWSER_PATH = "/:[]@!$&'()*+,;="
SCRIPT_COMPONENT = "!'()*"


def each(form: Callable[[str], str]) -> Writer:
    return lambda text: "".join(map(form, text))


def special(form: Callable[[str], str]) -> Writer:
    """Escapes what is neither a letter or digit of ASCII nor one of ``-._~``."""
    return each(lambda char: char if char.isascii() and (char.isalnum() or char in "-._~") else form(char))


def percent_all(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def entity_names(text: str) -> str:
    """Names for all that has one in HTML 4, and for what parts addresses."""
    names = {"/": "&sol;", ".": "&period;", ":": "&colon;", "(": "&lpar;", ")": "&rpar;", "'": "&apos;"}
    named = escape(text, quote=False).replace('"', "&quot;")
    for char, name in names.items():
        named = named.replace(char, name)
    return named.replace("é", "&eacute;").replace("ö", "&ouml;")


def json_string(text: str) -> str:
    return json.dumps(text)[1:-1]


def json_letters(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def json_slashes(text: str) -> str:
    return json_string(text).replace("/", "\\/")


def json_markup(text: str) -> str:
    return re.sub("[<>&']", lambda found: f"\\u{ord(found[0]):04x}", json_string(text))


def json_units(text: str, form: str = "04x") -> str:
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{int(units[at : at + 4], 16):{form}}" for at in range(0, len(units), 4))


def script_hex(text: str) -> str:
    return special(lambda char: f"\\x{ord(char):02x}" if ord(char) < 256 else char)(text)


def css_quoted(text: str) -> str:
    """Within the quotes of ``url("…")``."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'").replace("\n", "\\a ")


def css_bare(text: str) -> str:
    """Within ``url(…)`` without quotes."""
    return each(lambda char: "\\" + char if char in " \"'()\\" else char)(text)


def css_digits(text: str) -> str:
    return special(lambda char: f"\\{ord(char):x} ")(text)


def css_six_digits(text: str) -> str:
    return special(lambda char: f"\\{ord(char):06x}")(text)


def css_identifier(text: str) -> str:
    """As ``CSS.escape`` writes the name of an id or class: a digit in front is escaped, too."""
    head = f"\\{ord(text[0]):x} " if text[:1].isdigit() else text[:1]
    return head + each(lambda char: char if char.isalnum() or char in "-_" else "\\" + char)(text[1:])


def within(*writers: Writer) -> Writer:
    """The innermost first."""

    def write(text: str) -> str:
        for writer in writers:
            text = writer(text)
        return text

    return write


def url(text: str) -> str:
    return quote(text, safe=BROWSER_PATH)


def strict_url(text: str) -> str:
    return quote(text)


def component(text: str) -> str:
    return quote(text, safe=SCRIPT_COMPONENT)


def component_lower(text: str) -> str:
    return special(lambda char: "".join(f"%{byte:02x}" for byte in char.encode()))(text)


attribute: Writer = escape

ROWS: dict[str, Writer] = {
    "raw": str,
    # percent
    "percent: as browsers write a path": url,
    "percent: as object stores do": strict_url,
    "percent: as scripts write a part": component,
    "percent: lower-case digits": component_lower,
    "percent: a form's field, + for a space": quote_plus,
    "percent: every character": percent_all,
    "percent: every character, lower-case digits": lambda text: percent_all(text).lower(),
    "percent in percent": within(component, component),
    # html
    "html: an attribute": attribute,
    "html: text": lambda text: escape(text, quote=False),
    "html: names": entity_names,
    "html: decimal": special(lambda char: f"&#{ord(char)};"),
    "html: decimal with zeros": special(lambda char: f"&#{ord(char):07d};"),
    "html: hex": special(lambda char: f"&#x{ord(char):x};"),
    "html: hex, upper case": special(lambda char: f"&#X{ord(char):04X};"),
    "html: every character, decimal": each(lambda char: f"&#{ord(char)};"),
    "html: every character, hex": each(lambda char: f"&#x{ord(char):02x};"),
    "html in html": within(attribute, attribute),
    # json
    "json": json_string,
    "json: letters kept": json_letters,
    "json: slashes": json_slashes,
    "json: markup": json_markup,
    "json: upper-case digits": special(lambda char: json_units(char, "04X")),
    "json: every character": json_units,
    "json: hex of scripts": script_hex,
    "json in json": within(json_string, json_string),
    "json in json: slashes": within(json_slashes, json_slashes),
    "json in json in json": within(json_string, json_letters, json_slashes),
    # css
    "css: url with quotes": css_quoted,
    "css: url without quotes": css_bare,
    "css: digits": css_digits,
    "css: six digits": css_six_digits,
    # as pages nest them
    "percent in html": within(url, attribute),
    "percent in json": within(url, json_slashes),
    "percent in css": within(component, css_quoted),
    "percent in html in json": within(url, attribute, json_slashes),
    "percent in html in json in json": within(url, attribute, json_string, json_slashes),
    "percent in css in html": within(url, css_quoted, attribute),
    "html in json": within(attribute, json_slashes),
    "html in json in json": within(attribute, json_string, json_slashes),
    "html in html in json": within(attribute, attribute, json_string),
    "json in html": within(json_slashes, attribute),
    "json in html in json": within(json_slashes, attribute, json_string),
    "json in percent": within(json_slashes, component),
    "json in percent in html": within(json_slashes, url, attribute),
    "css in html": within(css_bare, attribute),
    "css in json": within(css_digits, json_string),
    "css in html in json": within(css_quoted, attribute, json_string),
    "every character percent in html in json": within(percent_all, attribute, json_string),
    "every character html in json": within(each(lambda char: f"&#{ord(char)};"), json_string),
    "every character json in json": within(json_units, json_string),
}
"""Name -> writer; the name tells the escapings, the innermost first, and after a colon what is special."""
