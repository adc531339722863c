"""Which record of an image counts where a clone has several: five pages of the old system at once made five (D9)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Document = dict[str, Any]

# A half-made funnel may have hundreds of such images.
_AT_ONCE = 16


def one_of_each(records: Sequence[Document], stands: Callable[[Document], bool]) -> list[Document]:
    """Of the records of one ``source_key``, oldest first, the older whose object stands.

    Where none of them has its object it is the oldest, as one whose object is yet to be copied. Of a single record its
    word is taken: ``stands`` is asked, from several threads, only where there are more.
    """
    by_source: dict[str, list[Document]] = {}
    for record in records:
        if isinstance(record.get("source_key"), str) and isinstance(record.get("key"), str):
            by_source.setdefault(record["source_key"], []).append(record)
    if all(len(rivals) == 1 for rivals in by_source.values()):
        return [rivals[0] for rivals in by_source.values()]

    def chosen(rivals: Sequence[Document]) -> Document:
        if len(rivals) == 1:
            return rivals[0]
        return next((record for record in rivals if stands(record)), {**rivals[0], "uploaded": False})

    with ThreadPoolExecutor(_AT_ONCE, "head") as threads:
        return list(threads.map(chosen, by_source.values()))
