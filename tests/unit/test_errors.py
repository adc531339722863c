"""Errors cross process borders, and say what could not be done."""

import pickle

import pytest

from engine.core import errors
from engine.core.model import Failure

ERRORS = [error for error in vars(errors).values() if isinstance(error, type)]
WRONG_SETTINGS = [error for error in ERRORS if issubclass(error, errors.ConfigError)]


@pytest.mark.parametrize("error", [error for error in ERRORS if error not in WRONG_SETTINGS])
def test_an_error_arrives_as_it_was_raised(error: type[Exception]) -> None:
    arrived = pickle.loads(pickle.dumps(error("step 7: gone")))
    assert (type(arrived), str(arrived)) == (error, "step 7: gone")


@pytest.mark.parametrize("error", WRONG_SETTINGS)
def test_a_wrong_setting_arrives_with_its_key_and_what_is_wrong_with_it(error: type[errors.ConfigError]) -> None:
    arrived = pickle.loads(pickle.dumps(error("steps.attempts", "no number")))
    assert type(arrived) is error
    assert (arrived.key, arrived.reason) == ("steps.attempts", "no number")
    assert str(arrived) == "steps.attempts: no number"
    assert arrived.args == ("steps.attempts", "no number")


def test_a_failure_is_a_sentence_with_its_source_if_it_has_one() -> None:
    assert str(Failure("image", "a/b.png", "gone")) == "image a/b.png: gone"
    assert str(Failure("chat", "", "no token")) == "chat: no token"
