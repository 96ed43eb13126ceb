"""What exceptions tell of how a call ended."""

from types import SimpleNamespace

import pytest

from taximeter.fault import Fault, describe_fault, read_fault
from taximeter.vocabulary import Outcome


class ClientError(Exception):
    """As botocore has it."""

    response = {"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {"Code": "x"}}  # noqa: RUF012 - as there


class HTTPStatusError(Exception):
    """As httpx and requests have it."""

    response = SimpleNamespace(status_code=400)


class APIError(Exception):
    """As google-genai has it."""

    code = 429


class APIConnectionError(Exception):
    """As openai and anthropic have it."""


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ClientError(), Fault(Outcome.FAILURE, "ClientError", 503, True)),
        (HTTPStatusError(), Fault(Outcome.FAILURE, "HTTPStatusError", 400, False)),
        (APIError(), Fault(Outcome.FAILURE, "APIError", 429, True)),
        (APIConnectionError(), Fault(Outcome.FAILURE, "APIConnectionError", None, True)),
        (ConnectionResetError(), Fault(Outcome.FAILURE, "ConnectionResetError", None, True)),
        (GeneratorExit(), Fault(Outcome.CANCELLED, "GeneratorExit", None, None)),
        (
            ExceptionGroup("", [ExceptionGroup("", [APIError()])]),
            Fault(Outcome.FAILURE, "APIError", 429, True),
        ),
        (
            BaseExceptionGroup("", [KeyboardInterrupt(), TimeoutError()]),
            Fault(Outcome.TIMEOUT, "TimeoutError", None, True),
        ),
        (KeyError("code"), Fault(Outcome.FAILURE, "KeyError", None, None)),
    ],
    ids=repr,
)
def test_outcome_status_and_hope_are_read(error: BaseException, fault: Fault) -> None:
    """From the errors of SDKs, of HTTP libraries and of groups, none of which is imported."""
    assert read_fault(error) == fault


def test_keys_are_taken_out_before_texts_are_cut() -> None:
    """Half a key would not look like one."""
    error = ValueError("x" * 480 + " sk-proj-abcdefghijklmnop")
    summary, details = describe_fault(error, keep_text=True)
    assert "sk-" not in summary
    assert details is not None
    assert "sk-" not in details


def test_without_its_text_an_error_is_its_class() -> None:
    """And the status, where it has one."""
    assert describe_fault(APIError("the prompt"), keep_text=False) == ("APIError (HTTP 429)", None)
