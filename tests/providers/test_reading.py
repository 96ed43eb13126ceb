"""A reading follows one response while it passes, and never gets in its way."""

import json
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.providers import FORMATS, Endpoint, Facts, Reading, endpoint_for, read_response
from wire_samples import JSON, SAMPLES, STREAM, Sample, pieces

BY_NAME = {sample.name: sample for sample in SAMPLES}
CHAT = endpoint_for("openai.chat", provider="openai")


def reading_of(sample: Sample, request: bytes | None = None) -> Reading:
    reading = Reading(endpoint_for(sample.wire_format, provider=sample.provider), request)
    reading.respond(sample.status, sample.headers)
    return reading


def read(sample: Sample, parts: list[bytes], *, whole: bool = True) -> Facts:
    reading = reading_of(sample)
    for part in parts:
        reading.feed(part)
    return reading.finish(whole=whole)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_every_split_gives_the_same_facts(sample: Sample) -> None:
    """Byte by byte, and cut once at any place: always the facts of the whole."""
    body = sample.body
    facts = read(sample, [body])
    assert read(sample, [body[at : at + 1] for at in range(len(body))]) == facts
    for at in range(0, len(body), 7):
        assert read(sample, [body[:at], body[at:]]) == facts


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_body_cut_anywhere_is_survived(sample: Sample) -> None:
    """What remains of a cut body gives facts, never more tokens than the whole, never an exception."""
    body = sample.body
    whole = read(sample, [body]).usage
    for at in range(0, len(body), 11):
        usage = read(sample, [body[:at]]).usage
        if usage is not None and whole is not None:
            assert (usage.output_tokens or 0) <= (whole.output_tokens or 0)


def test_content_types_are_not_trusted_blindly() -> None:
    """A stream without its content type is known by its first bytes, and so is an error page in a stream's clothes."""
    sample = BY_NAME["openai.chat.sse"]
    bare = Sample(sample.name, sample.wire_format, sample.provider)
    assert read(bare, [sample.body]) == read(sample, [sample.body])
    facts = read_response(CHAT, None, 401, STREAM, BY_NAME["openai.chat.error.json"].body)
    assert (facts.error_type, facts.streaming) == ("rate_limit_error", False)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("openai.chat.sse", {"content-type": "application/octet-stream"}),
        ("ollama.chat.ndjson", JSON),
        ("ollama.chat.ndjson", STREAM),
    ],
)
def test_a_mislabelled_stream_is_read_by_its_bytes(name: str, label: dict[str, str]) -> None:
    """Whatever the label says and however the body comes, the facts are those of the right label."""
    sample = BY_NAME[name]
    mislabelled = sample._replace(headers=label)
    facts = read(sample, [sample.body])
    assert read(mislabelled, [sample.body]) == facts
    assert read(mislabelled, [sample.body[at : at + 1] for at in range(len(sample.body))]) == facts


@pytest.mark.parametrize("name", ["xai.grpc_chat", "ollama.chat"])
@pytest.mark.parametrize("label", [{}, {"content-type": "application/x-ndjson"}, JSON])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_document_on_many_lines_is_no_stream_of_lines(name: str, label: dict[str, str], end: bytes) -> None:
    """A line of JSON cannot end after its brace, so that this is one body, however it is cut."""
    counts = {"prompt_eval_count": 5, "eval_count": 2, "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    document = {"model": "m", "done": True, **counts}
    body = json.dumps(document, indent=2).encode().replace(b"\n", end)
    sample = Sample(name, name, headers=label)
    facts = read(sample, [body])
    assert facts.usage is not None
    assert (facts.usage.uncached_input_tokens, facts.usage.text_output_tokens, facts.truncated) == (
        5,
        2,
        False,
    )
    for at in range(len(body)):
        assert read(sample, [body[:at], body[at:]]) == facts
    assert read(sample, [body[at : at + 1] for at in range(len(body))]) == facts


def test_events_of_a_format_of_lines_are_read() -> None:
    """A gateway may wrap each line in an event."""
    sample = BY_NAME["ollama.chat.ndjson"]
    events = b"".join(b"data: " + line + b"\n\n" for line in sample.body.splitlines())
    facts = read(sample._replace(headers=STREAM), [events])
    assert facts == read(sample, [sample.body])


@pytest.mark.parametrize(
    ("label", "status", "error"),
    [
        ("text/plain", 200, None),
        ("text/vtt", 200, None),
        ("text/plain", 500, "http_500"),
    ],
)
def test_a_transcript_may_be_plain_text(label: str, status: int, error: str | None) -> None:
    """Text and subtitles are answers without a usage; an error page is none."""
    endpoint = endpoint_for("openai.transcription", provider="openai")
    for body in (b"data is what they speak of.\n", b"[music]\n", b"1\n00:00:00,000 --> 00:00:01,000\nHm.\n"):
        facts = read_response(endpoint, None, status, {"content-type": label}, body)
        assert (facts.error_type, facts.usage) == (error, None)
        assert not facts.truncated
    page = read_response(endpoint, None, 200, {"content-type": "text/html"}, b"<html>")
    assert page.error_type == "unparseable"


@pytest.mark.parametrize("space", [b"", b" \r\n\t", b"\x0b", b"\x0c\n", b"\n" * 5000])
@pytest.mark.parametrize("name", ["openai.chat.json", "openai.chat.sse", "ollama.chat.ndjson"])
def test_leading_space_makes_no_difference_between_splits(name: str, space: bytes) -> None:
    """White space that JSON does not know makes a body unreadable in pieces as in one."""
    sample = BY_NAME[name]
    body = space + sample.body
    facts = read(sample, [body])
    assert read(sample, [body[at : at + 1] for at in range(len(body))]) == facts
    if space.strip(b" \r\n\t") == b"":
        assert facts == read(sample, [sample.body])


@pytest.mark.parametrize("name", ["openai.chat.json", "openai.chat.sse", "ollama.chat.ndjson"])
def test_a_byte_order_mark_is_no_part_of_the_answer(name: str) -> None:
    """Some gateways write one; however it is cut, the answer is the same."""
    sample = BY_NAME[name]
    marked = b"\xef\xbb\xbf" + sample.body
    for at in range(6):
        assert read(sample, [marked[:at], marked[at:]]) == read(sample, [sample.body])


def test_output_and_end_are_seen_when_they_pass() -> None:
    """A first role chunk is no output, a first text is; the end mark is known before the connection closes."""
    reading = reading_of(BY_NAME["openai.chat.sse"])
    seen = []
    for event in BY_NAME["openai.chat.sse"].body.split(b"\n\n")[:-1]:
        reading.feed(event + b"\n\n")
        seen.append((reading.has_output, reading.complete))
    assert seen == [(False, False), *[(True, False)] * 5, (True, True)]


def test_a_finished_reading_stays_as_it_is() -> None:
    """Finishing twice gives the same facts, whatever is fed later."""
    reading = reading_of(BY_NAME["openai.chat.json"])
    reading.feed(BY_NAME["openai.chat.json"].body)
    facts = reading.finish()
    reading.feed(b"more")
    assert reading.finish(whole=False) is facts


def test_a_stream_left_early_is_truncated_not_wrong() -> None:
    """The tokens of an abandoned message are a lower bound, and no error is made up."""
    sample = BY_NAME["anthropic.messages.sse"]
    facts = read(sample, [sample.body[:600]], whole=False)
    assert (facts.truncated, facts.partial, facts.error_type) == (True, True, None)
    assert facts.usage is not None
    assert facts.usage.uncached_input_tokens == 25


def test_a_whole_body_left_early_is_no_server_error() -> None:
    """Half a JSON body is only `unparseable` when the server sent no more."""
    half = BY_NAME["openai.chat.json"].body[:100]
    assert read(BY_NAME["openai.chat.json"], [half], whole=False).error_type is None
    assert read(BY_NAME["openai.chat.json"], [half]).error_type == "unparseable"


def test_an_empty_body_is_truncated() -> None:
    """A success that says nothing at all has no usage and no error."""
    facts = read_response(CHAT, None, 200, JSON, b"")
    assert (facts.truncated, facts.usage, facts.failed) == (True, None, False)


def test_an_error_status_fails_whatever_the_body_says() -> None:
    """A proxy's HTML page, an AWS header, a bare message: each gives the best word there is."""
    for headers, body, word in (
        ({"content-type": "text/html"}, b"<h1>Bad gateway</h1>", "http_502"),
        ({"x-amzn-errortype": "ThrottlingException:http://x/"}, b'{"message":"no"}', "ThrottlingException"),
        (JSON, b'{"message":"no"}', "error"),
        (JSON, b'{"error":{"code":"Busy"}}', "Busy"),
        (JSON, b"", "http_502"),
    ):
        facts = read_response(CHAT, None, 502, headers, body)
        assert (facts.error_type, facts.error_status, facts.error_retryable) == (word, 502, True)


def test_a_refusal_may_come_in_a_list() -> None:
    """Google's compatible endpoint sends one; its word is kept, and an empty list is still a failure."""
    for body, word in ((b'[{"error":{"status":"NOT_FOUND","code":404}}]', "NOT_FOUND"), (b"[]", "http_404")):
        facts = read_response(CHAT, None, 404, JSON, body)
        assert (facts.error_type, facts.error_status) == (word, 404)


def test_binary_answers_are_passed_over() -> None:
    """Spoken audio is output and complete, and no garbled JSON."""
    speech = endpoint_for("openai.speech", provider="openai")
    facts = read_response(speech, None, 200, {"content-type": "audio/mpeg"}, b"ID3\x04" * 100)
    assert (facts.error_type, facts.truncated, facts.streaming) == (None, False, False)


def test_the_region_of_the_address_reaches_the_price() -> None:
    """What the URL says of the region is kept with the facts."""
    endpoint = Endpoint(
        provider="vertex", wire_format="gemini.generate", operation=CHAT.operation, region="europe-west4"
    )
    facts = read_response(endpoint, None, 200, JSON, BY_NAME["gemini.generate.json"].body)
    assert facts.price_context == {"region": "europe-west4"}


def test_the_request_is_read_when_asked_for() -> None:
    """Model, stream flag, system prompt, tools and tier come from the request's own bytes."""
    body = json.dumps(
        {
            "model": "gpt-4o",
            "stream": True,
            "service_tier": "flex",
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
                {"role": "user", "content": "hi"},
            ],
            "tools": [{"type": "function", "function": {"name": "fare"}}],
        }
    ).encode()
    request = Reading(CHAT, body).request
    assert (request.model, request.streaming, request.service_tier) == ("gpt-4o", True, "flex")
    assert (request.system_prompt, request.tool_names) == ("Be brief.", ("fare",))


def test_an_unreadable_request_says_nothing() -> None:
    """Bodies that are no JSON, or JSON of another shape, are the application's business."""
    for body in (b"--boundary\r\n", b"[1]", b'{"messages": 7, "model": ["x"]}', b"\xff", None):
        assert Reading(CHAT, body).request.model is None


def test_a_hostile_body_costs_time_in_proportion() -> None:
    """A stream of ten times the bytes takes some ten times the time, and one long line is as good as many."""

    def cost_s(body: bytes) -> float:
        started = thread_time()
        read_response(CHAT, None, 200, STREAM, body)
        return thread_time() - started

    for unit in (b"\n", b"data: [\n", b": x\n\n", b"data: {}\n\n", b"x"):
        small, large = min(cost_s(unit * 10_000) for _ in range(3)), cost_s(unit * 100_000)
        assert large < 40 * small + 0.05


def test_inventive_usage_is_cut_off() -> None:
    """A server that sends ever new usage fields cannot fill the memory or the journal."""
    body = b"".join(
        b'data: {"choices":[],"usage":{"prompt_tokens":1,"field_%d":"%s"}}\n\n' % (n, b"x" * 100)
        for n in range(1000)
    )
    facts = read_response(CHAT, None, 200, STREAM, body)
    assert facts.usage is not None
    assert facts.usage.uncached_input_tokens == 1
    assert facts.raw_usage is None or len(json.dumps(facts.raw_usage)) < 20_000


WORDS = {
    *[
        "choices",
        "usage",
        "message",
        "delta",
        "tool_calls",
        "error",
        "type",
        "id",
        "model",
        "content",
        "output",
        "response",
        "status",
        "index",
    ],
    *[
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "cached_tokens",
        "audio_tokens",
    ],
    *[
        "input_tokens",
        "output_tokens",
        "cache_creation",
        "iterations",
        "usageMetadata",
        "promptTokenCount",
        "candidates",
    ],
    *[
        "done",
        "eval_count",
        "prompt_eval_count",
        "tokens",
        "billed_units",
        "meta",
        "metadata",
        "messageStop",
        "bytes",
        "outputs",
    ],
    *[
        "finish_reason",
        "stop_reason",
        "finishReason",
        "promptTokensDetails",
        "modality",
        "tokenCount",
        "event_type",
        "data",
    ],
}

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(WORDS)), inner, max_size=4)
    ),
    max_leaves=12,
)


def is_sound(reading: Reading) -> bool:
    """Finish the reading; return whether no parser stumbled and no count is negative."""
    facts = reading.finish()
    if reading.fault is not None:
        raise reading.fault
    usages = [usage for _, usage in facts.charges] + ([facts.usage] if facts.usage is not None else [])
    counts = [
        count
        for usage in usages
        for name in usage.__struct_fields__
        if isinstance(count := getattr(usage, name), int)
    ]
    return all(count >= 0 for count in counts) and facts.tool_call_count >= 0


@pytest.mark.parametrize("wire_format", sorted(FORMATS))
@given(document=ANY_JSON)
def test_any_json_is_survived(wire_format: str, document: object) -> None:
    """No shape of JSON, whole or streamed, raises or makes a negative count."""
    body = json.dumps(document).encode()
    endpoint = endpoint_for(wire_format)
    for status, parts in ((200, [body]), (200, [b"data: " + body + b"\n\n"] * 2), (500, [body])):
        reading = Reading(endpoint, body)
        reading.respond(status, {})
        for part in parts:
            reading.feed(part)
        assert is_sound(reading)


@given(st.sampled_from(sorted(FORMATS)), st.binary(), st.lists(st.integers(0, 999), max_size=4))
def test_any_bytes_are_survived(wire_format: str, body: bytes, cuts: list[int]) -> None:
    """Noise in any chunking raises nothing, as a response or as a request, and tells what it tells in one piece."""
    whole, reading = Reading(endpoint_for(wire_format), body), Reading(endpoint_for(wire_format), body)
    whole.feed(body)
    for part in pieces(body, cuts):
        reading.feed(part)
    assert is_sound(reading)
    assert reading.finish() == whole.finish()


@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_samples_are_survived(sample: Sample, data: st.DataObject) -> None:
    """A real body with some bytes changed raises nothing and makes no negative count."""
    body = bytearray(sample.body)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    reading = reading_of(sample)
    reading.feed(bytes(body))
    assert is_sound(reading)


def test_a_chunk_that_is_no_text_is_counted() -> None:
    """Bytes that are no UTF-8, after the first output too, are unparsed and nobody's mistake."""
    for name in ("openai.chat.sse", "gemini.stream_generate.sse", "ollama.chat.ndjson"):
        reading = reading_of(BY_NAME[name])
        body = BY_NAME[name].body
        reading.feed(body + body.replace(b"model", b"mod\xffl").replace(b"content", b"cont\xffnt"))
        assert is_sound(reading)


def test_deep_nesting_is_survived() -> None:
    """A body nested deeper than the decoder goes is unparseable, not a crash."""
    body = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert read_response(CHAT, None, 200, JSON, body).error_type == "unparseable"
