"""What ``verify`` says of the texts: a sentence that accounts for every byte, and the spans that differ."""

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from engine.upkeep.invariants import Account, Span

_SHOWN = 200


def print_account(console: Console, account: "Account") -> None:
    """Print the sums, then a listing for each text that differs, if the spans were kept."""
    console.print(sentence(account), highlight=False)
    for where, spans in groupby(account.kept, key=lambda span: span.where):
        _print_spans(console, where, list(spans))


def sentence(account: "Account") -> str:
    """The sums for people."""
    every = "each of them a mapped reference"
    some = f"{account.unexplained} of them explained by no reference"
    return (
        f"In {account.texts} texts {account.bytes_equal:,} bytes are the original's; "
        f"{account.spans} spans differ, {account.bytes_replaced:,} bytes that became {account.bytes_differing:,}, "
        f"{some if account.unexplained else every}"
    )


def _print_spans(console: Console, where: str, spans: "list[Span]") -> None:
    console.print(Text(f"\n{where}: {len(spans)} spans", style="bold"), soft_wrap=True)
    firsts = {(span.kind, span.original, span.clone): span for span in reversed(spans)}
    times = Counter((span.kind, span.original, span.clone) for span in spans)
    for key, span in sorted(firsts.items(), key=lambda item: item[1].original_at):
        often = f", {times[key]} times" if times[key] > 1 else ""
        console.print(Text(f"@ {span.original_at} {span.kind}{often}", style="cyan"), soft_wrap=True)
        console.print(Text(f"- {_shown(span.original)}", style="red"), soft_wrap=True)
        console.print(Text(f"+ {_shown(span.clone)}", style="green"), soft_wrap=True)


def _shown(text: str) -> str:
    """One line, as it is stored but for what no line can hold."""
    line = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[:_SHOWN])
    return line if len(text) <= _SHOWN else f"{line}… ({len(text)} characters)"
