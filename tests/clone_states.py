"""A clone in the states that commands meet; a workshop brings it there, and it is the one clone that asks."""

from engine.edges.mongo import ends
from engine.flow.complete import park
from engine.flow.context import FunnelContext
from engine.flow.step import clone_step
from tests.in_process import Workshop


def asked(workshop: Workshop) -> None:
    """Nobody has looked at it yet."""


def waiting(workshop: Workshop) -> None:
    ends.wait(workshop.store, workshop.plan().claim, 60, "a reason", counts=True)


def one_page_done(workshop: Workshop) -> FunnelContext:
    """In work, the first page is cloned; returns what the next page is cloned with."""
    context = workshop.context(workshop.plan())
    clone_step(context.plan.steps[0], context)
    return context


def completed(workshop: Workshop) -> None:
    workshop.clone()


def failed(workshop: Workshop) -> None:
    park(workshop.store, workshop.plan().claim, "a reason")
