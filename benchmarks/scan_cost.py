"""What finding the next funnel takes: as funnels grow in number, with none, three and ten thousand that wait.

Each claim is timed alone, by the clock; what was claimed is put back outside the time. Databases of all sizes
stand beside each other and are asked in turns. What is examined is told by ``explain`` of the very questions asked.
"""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from bson import ObjectId

from benchmarks.stand import Stand, stand
from benchmarks.turns import percentile
from engine.core.model import DocId
from engine.edges.mongo import indexes, leases
from engine.edges.mongo.client import Store, open_store
from engine.edges.mongo.scan import claim_next
from tests.query_plans import Examined, Questions, examined

ROUNDS = {"quick": 3, "full": 20}
FUNNELS = {"quick": (1_000, 10_000), "full": (1_000, 10_000, 100_000, 1_000_000)}
MANY = 10_000
WAITING = ((0, 1), (3, 1), (3, 3), (MANY, 1), (MANY, MANY))
"""How many wait, and in how many accounts."""
CLAIMS_A_ROUND = 25
INSERTED_AT_ONCE = 10_000
STALE_MINUTES = 10.0
PASS = "5" * 32
ENDED = {"state": "completed", "run": 1, "epoch": 3, "attempts": 1, "pass": "4" * 32}


@dataclass(frozen=True)
class Population:
    """A database with so many funnels that want nothing."""

    funnels: int
    store: Store
    questions: Questions


def measured(size: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of a claim and what it looks at, by number of funnels and of those that wait."""
    with stand("scan") as place, ExitStack() as stack:
        populations = [_population(place, count, stack) for count in FUNNELS[size]]
        cases = [case for waiting, accounts in WAITING for case in _cases(populations, waiting, accounts, rounds)]
    least, most = min(FUNNELS[size]), max(FUNNELS[size])
    p95 = {(case["funnels"], case["waiting"], case["accounts"]): case["p95_ms"] for case in cases}
    grown = [
        {
            "waiting": waiting,
            "accounts": accounts,
            "ratio": p95[most, waiting, accounts] / p95[least, waiting, accounts],
        }
        for waiting, accounts in WAITING
    ]
    return {"cases": cases, "p95_of_most_to_least": {"most": most, "least": least, "ratios": grown}}


def _population(place: Stand, funnels: int, stack: ExitStack) -> Population:
    questions = Questions()
    mongo = replace(place.settings.mongo, database=f"scan-{funnels}")
    store = open_store(mongo, listeners=[questions])
    stack.callback(store.close)
    indexes.ensure(store, indexes.SHARED)
    accounts = [ObjectId() for _ in range(max(1, funnels // 100))]
    for start in range(0, funnels, INSERTED_AT_ONCE):
        some = range(start, min(funnels, start + INSERTED_AT_ONCE))
        store.funnels.insert_many(_funnel(n, accounts[n % len(accounts)]) for n in some)
    leases.acquire(store, PASS, "a benchmark", 24 * 3600)
    return Population(funnels, store, questions)


def _funnel(n: int, account: ObjectId) -> dict[str, Any]:
    """Half of them originals, half clones that have ended."""
    flags = {"name": f"Funnel {n}", "account_id": account, "pending": False, "in_progress": False, "steps": []}
    return {**flags, "original_funnel_id": ObjectId(), "clone": ENDED} if n % 2 else flags


def _cases(populations: list[Population], waiting: int, accounts: int, rounds: int) -> Iterator[dict[str, Any]]:
    for population in populations:
        _ask(population.store, waiting, accounts)
    seconds: dict[int, list[float]] = {population.funnels: [] for population in populations}
    looked_at: dict[int, list[Examined]] = {population.funnels: [] for population in populations}
    for population in populations:
        # What it looks at; and what lies on the disk has been read then.
        plans = (population.questions.plans(population.store) for _ in _claims(population))
        looked_at[population.funnels] += map(examined, plans)
    for _ in range(rounds):
        for population in populations:
            seconds[population.funnels] += _claims(population)
    for population in populations:
        population.store.funnels.delete_many({"name": "waits"})
        ordered = seconds[population.funnels]
        yield {
            "funnels": population.funnels,
            "waiting": waiting,
            "accounts": accounts,
            "claims": len(ordered),
            "p50_ms": statistics.median(ordered) * 1e3,
            "p95_ms": percentile(ordered, 0.95) * 1e3,
            "most_keys_examined": max(one.keys for one in looked_at[population.funnels]),
            "most_documents_examined": max(one.documents for one in looked_at[population.funnels]),
        }


def _ask(store: Store, waiting: int, accounts: int) -> None:
    owners = [ObjectId() for _ in range(accounts)]
    wanted = {"name": "waits", "pending": True, "in_progress": False, "original_funnel_id": ObjectId()}
    if waiting:
        store.funnels.insert_many({**wanted, "account_id": owners[n % accounts]} for n in range(waiting))


def _claims(population: Population) -> Iterator[float]:
    """Seconds of each claim, also of one that finds nothing; after each the questions that it asked are kept.

    What was claimed is put back when nothing is left, and in the end.
    """
    store, turn, claimed = population.store, None, list[DocId]()
    for _ in range(CLAIMS_A_ROUND):
        population.questions.asked.clear()
        began = perf_counter()
        found = claim_next(store, PASS, STALE_MINUTES, turn)
        yield perf_counter() - began
        if found is None:
            _put_back(store, claimed)
            continue
        turn = found.turn
        claimed.append(found.claim.funnel_id)
    _put_back(store, claimed)


def _put_back(store: Store, claimed: list[DocId]) -> None:
    """By their ids: looking through all funnels for them would leave the server's memory full of others."""
    back = {"$set": {"in_progress": False}, "$unset": {"clone": 1}}
    store.funnels.update_many({"_id": {"$in": claimed}}, back)
    claimed.clear()
