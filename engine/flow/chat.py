"""Gather chat keys: the widget of a clone talks to the preview domain's inbox, or to nobody's (B16)."""

from engine.core.model import Failure, Identity
from engine.flow.context import FunnelContext, Gathered
from engine.flow.page import Page


def gather_chat(page: Page, context: FunnelContext) -> Gathered:
    """The token for each chat key on the page; pure.

    Only where the original funnel has its widget on. Without a token the key becomes empty and a Failure says so:
    a clone must never feed somebody else's inbox.
    """
    chat = context.plan.chat
    keys = page.identities("chat")
    if not chat.enabled or not keys:
        return Gathered()
    replacements = {Identity("chat", key): chat.token or "" for key in keys}
    if chat.token is not None:
        return Gathered(replacements)
    where = f"support_tokens has no token for {chat.domain!r}" if chat.domain else "chat.preview_domain is not set"
    return Gathered(replacements, (Failure("chat", "", where),))
