"""Who may: users by a signed token of their own, operators by one token of theirs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import jwt

from engine.core.errors import ConfigError
from engine.settings import GatewaySettings

LEEWAY_S = 30
"""By so much the clocks of who signs and who checks may differ."""
LEAST_SECRET_BYTES = 32
_LEAST_TOKEN_CHARACTERS = 16
_MOST_TOKEN_CHARACTERS = 8_192


class Unauthorized(Exception):
    """The token is missing, or none of ours; the message tells nothing that helps to make one."""


@dataclass(frozen=True, slots=True)
class UserToken:
    """What a token says, once its signature and its times hold."""

    user_id: str
    expires_at: datetime


def require_secrets(settings: GatewaySettings) -> None:
    """Refuse to start with secrets that are missing or can be guessed.

    Raises:
        ConfigError: Names the key, and not its value.
    """
    size = len(settings.jwt_secret.encode("utf-8", "surrogateescape"))
    if size < LEAST_SECRET_BYTES:
        how = "is not set" if not size else f"has {size} bytes"
        reason = f"{how}; it needs at least {LEAST_SECRET_BYTES}: give it through GATEWAY_JWT_SECRET in the environment"
        raise ConfigError("gateway.jwt_secret", reason)
    if len(settings.operator_token) < _LEAST_TOKEN_CHARACTERS:
        how = "is too short" if settings.operator_token else "is not set"
        reason = f"{how}; it needs at least {_LEAST_TOKEN_CHARACTERS} characters: GATEWAY_OPERATOR_TOKEN"
        raise ConfigError("gateway.operator_token", reason)


def read_user_token(token: Any, secret: str) -> UserToken:
    """The user that a token names: HS256 and no other, with ``sub`` and ``exp``.

    Raises:
        Unauthorized: It is none, signed by another secret or algorithm, expired, or not valid yet.
    """
    if not isinstance(token, str) or len(token) > _MOST_TOKEN_CHARACTERS:
        raise Unauthorized("no token")
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            leeway=LEEWAY_S,
            options={"require": ["sub", "exp"], "verify_aud": False, "verify_iss": False},
        )
        expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (jwt.PyJWTError, ValueError, OverflowError, OSError, TypeError, RecursionError):
        # Not from it: what was wrong with a token is nobody's business.
        raise Unauthorized("the token is not valid") from None
    user_id = claims["sub"]
    if not isinstance(user_id, str) or not user_id:
        raise Unauthorized("the token is not valid")
    return UserToken(user_id, expires_at)


def is_operator(token: Any, settings: GatewaySettings) -> bool:
    """Whether it is the operators' token; takes as long for any other of whatever length."""
    if not isinstance(token, str):
        return False
    return compare_digest(_digest(token), _digest(settings.operator_token))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
