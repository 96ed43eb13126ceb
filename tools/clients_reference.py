"""Write docs/reference/clients.md: which clients are metered in which ways, from the table that the tests run.

A cell stands here because a test of it is green: `python tools/clients_reference.py > docs/reference/clients.md`.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from client_matrix import CLIENTS, COLUMNS, Client

HEAD = """# Clients

<!-- Written by tools/clients_reference.py; a test compares. -->

What the tests do with each client, against a server on the loopback that speaks the provider's format: once plain and once
metered. A cell stands for a test that what the application gets is the same, byte for byte, that there is one event (of a
retry two, with one `call_id`), and that its tokens, its outcome and its scope are right.

"""
BETWEEN = """
An async column says on which event loops: some clients, or what they ride on, know only asyncio.

"""
TAIL = """
## Frameworks

Run by `make frameworks`, sync and async, whole and streamed, with the same demands: one event a call, metered by the model
object, by `meter_everything`, or by both at once.

| framework | on | `tracker.meter(model)` | `meter_everything` |
|---|---|---|---|
| LangChain `ChatOpenAI` (chat and responses) | openai 3 | yes | yes |
| LangChain `ChatAnthropic` | anthropic | yes | yes |
| pydantic-ai `OpenAIChatModel`, `AnthropicModel` | openai 3, anthropic | yes | yes |
| LlamaIndex `OpenAI` | openai 2 | no: it makes its client later | yes |
| aiobotocore, `bedrock-runtime`: `converse`, `invoke_model`, and their streams | aiohttp | yes | yes |
| litellm, routes to openai and anthropic | openai 2, httpx, aiohttp | no: it has no client object | yes |

## What to know

- LangChain and `huggingface_hub`'s sync client share one HTTP client among all their models. Metering one of these meters all.
- litellm stops reading Anthropic's sync streams at the reason to stop, and leaves them to the garbage collector: the event
  comes with that, with all tokens, as a success.
- A session of aiohttp is metered like a client: `tracker.meter(aiohttp.ClientSession())`, and by `meter_everything` those
  that others make too. google-genai sends its async calls over such sessions where aiohttp is installed, or over the one
  that you give it. Works with aiohttp 3.12.15 to 3.14 (tried in 2026-11); where another version is built differently, its
  calls go on unmetered, and a warning says so once.
- Transports that put aiohttp below httpx (`httpx-aiohttp`, litellm's own, the SDKs' `DefaultAioHttpClient`) are metered, and
  their calls counted once.
- aiobotocore is metered on its usual session, which stands on aiohttp. The one that stands on httpx2 makes its client with
  the first call: `meter_everything` sees it.
- A session of requests is metered like a client: `tracker.meter(requests.Session())`, and by `meter_everything` those that
  `requests.post` makes too.
- Not metered: urllib3 by itself, gRPC and websockets. For these there are `taximeter.call` and `tracker.wrap_stream`.
- boto3's other services pass unread; of `bedrock-runtime` an own `endpoint_url` is recognized by the signature's scope.
"""


def rows() -> list[list[str]]:
    """Return the table's rows, its head first."""
    head = ["client", "package", "rides on", *COLUMNS]
    return [head, ["---"] * len(head), *(_row(client) for client in CLIENTS)]


def _row(client: Client) -> list[str]:
    return [
        f"`{client.name}`",
        client.package,
        client.rides_on,
        *(_cell(client, column) for column in COLUMNS),
    ]


def _cell(client: Client, column: str) -> str:
    if column not in client.calls:
        return "-"
    if client.make_async is None:
        return "sync"
    return "sync, asyncio" if client.asyncio_only else "sync, asyncio, trio"


def page() -> str:
    """Return the page."""
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows())
    meaning = "\n".join(f"- *{name}*: {text}" for name, text in COLUMNS.items())
    return f"{HEAD}{meaning}\n{BETWEEN}{table}\n{TAIL}"


if __name__ == "__main__":
    print(page(), end="")
