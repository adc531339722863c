"""What a node of Ray exports, as Prometheus would read it."""

import re
from dataclasses import dataclass
from urllib.request import urlopen

_SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Scrape:
    """Samples: name, labels, value."""

    samples: list[tuple[str, dict[str, str], float]]

    def of(self, database: str) -> "Scrape":
        """Those of one database."""
        return Scrape([sample for sample in self.samples if sample[1].get("database") == database])

    def names(self) -> set[str]:
        return {name for name, _, _ in self.samples}

    def labels(self) -> set[str]:
        return {label for _, labels, _ in self.samples for label in labels}

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample of this name (without Ray's prefix) with these labels; None where there is none."""
        found = [value for told, has, value in self.samples if told == f"ray_{name}" and labels.items() <= has.items()]
        assert len(found) < 2, f"{len(found)} series of {name}: {self.samples}"
        return found[0] if found else None


def scraped(port: int) -> Scrape:
    """What the node exports there now."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    parsed = [_SAMPLE.match(line) for line in lines]
    return Scrape([(m[1], dict(_LABEL.findall(m[2])), float(m[3])) for m in parsed if m])
