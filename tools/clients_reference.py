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
| litellm, routes to openai and anthropic | openai 2, httpx, aiohttp | no: it has no client object | yes |

## What to know

- LangChain and `huggingface_hub`'s sync client share one HTTP client among all their models. Metering one of these meters all.
- litellm stops reading Anthropic's sync streams at the reason to stop, and leaves them to the garbage collector: the event
  comes with that, with all tokens, as a success.
- google-genai sends async calls over aiohttp where that is installed; metered, it sends them over httpx, which it does
  anyway without aiohttp. What differs is how the names of `sdk_http_response.headers` are spelt. An aiohttp session of
  your own is left in use, is not metered, and a warning says so.
- Transports that put aiohttp below httpx (`httpx-aiohttp`, litellm's own, the SDKs' `DefaultAioHttpClient`) are metered.
- A session of requests is metered like a client: `tracker.meter(requests.Session())`, and by `meter_everything` those that
  `requests.post` makes too.
- Not metered: bare aiohttp, and so aiobotocore, because a body there leaves by a dozen methods of one reader, into which its
  parser writes and which cannot be exchanged: what is read could be seen, but not kept back where asking for a usage has
  added to it. Nor urllib3 by itself, gRPC and websockets. For all of these there are `taximeter.call` and
  `tracker.wrap_stream`.
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
