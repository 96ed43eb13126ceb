"""App: an ordinary script that calls four providers; it knows nothing of a meter.

The clients find keys and addresses in the environment, as usual: OPENAI_API_KEY and OPENAI_BASE_URL,
ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL, GEMINI_API_KEY and GOOGLE_GEMINI_BASE_URL, OLLAMA_HOST.
"""

import asyncio

import anthropic
import ollama
import openai
from google import genai

QUESTION = "What does a taximeter do?"


def ask_openai() -> None:
    """Chat, whole and streamed, a reasoning model, embeddings, and a call that is refused."""
    client = openai.OpenAI(max_retries=0)
    chat = client.chat.completions.create(
        model="gpt-4.1-mini", messages=[{"role": "user", "content": QUESTION}]
    )
    print("openai chat:       ", chat.choices[0].message.content)
    stream = client.chat.completions.create(
        model="gpt-4.1-mini", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    words = [chunk.choices[0].delta.content or "" for chunk in stream]
    print("openai stream:     ", "".join(words))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION)
    print("openai responses:  ", response.output_text)
    embeddings = client.embeddings.create(model="text-embedding-3-small", input=[QUESTION])
    print("openai embeddings: ", len(embeddings.data[0].embedding), "dimensions")
    try:
        client.chat.completions.create(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": "(answer 429)"}]
        )
    except openai.RateLimitError as error:
        print("openai refused:    ", error.status_code)


def ask_anthropic() -> None:
    """A message, whole and streamed."""
    client = anthropic.Anthropic()
    message = client.messages.create(
        model="claude-sonnet-4-6", max_tokens=500, messages=[{"role": "user", "content": QUESTION}]
    )
    print("anthropic message: ", text_of(message))
    with client.messages.stream(
        model="claude-sonnet-4-6", max_tokens=500, messages=[{"role": "user", "content": QUESTION}]
    ) as stream:
        print("anthropic stream:  ", stream.get_final_text())


def text_of(message: anthropic.types.Message) -> str:
    """Return the text of a message; it may hold other blocks as well."""
    return "".join(block.text for block in message.content if block.type == "text")


def ask_gemini() -> None:
    """Content, whole and streamed."""
    client = genai.Client()
    answer = client.models.generate_content(model="gemini-2.5-flash", contents=QUESTION)
    print("gemini content:    ", answer.text)
    stream = client.models.generate_content_stream(model="gemini-2.5-flash", contents=QUESTION)
    print("gemini stream:     ", "".join(chunk.text or "" for chunk in stream))


def ask_ollama() -> None:
    """A chat with a model at home."""
    answer = ollama.chat(model="llama3.2", messages=[{"role": "user", "content": QUESTION}])
    print("ollama chat:       ", answer.message.content)


async def ask_all_at_once() -> None:
    """The same clients, async and side by side."""
    async with (
        openai.AsyncOpenAI() as gpt,
        anthropic.AsyncAnthropic() as claude,
        genai.Client().aio as gemini,
    ):
        stream, message, content, local = await asyncio.gather(
            gpt.responses.create(model="gpt-5-mini", input=QUESTION, stream=True),
            claude.messages.create(
                model="claude-haiku-4-5", max_tokens=500, messages=[{"role": "user", "content": QUESTION}]
            ),
            gemini.models.generate_content(model="gemini-2.5-flash", contents=QUESTION),
            ollama.AsyncClient().generate(model="llama3.2", prompt=QUESTION),
        )
        words = [event.delta async for event in stream if event.type == "response.output_text.delta"]
    print("async openai:      ", "".join(words))
    print("async anthropic:   ", text_of(message))
    print("async gemini:      ", content.text)
    print("async ollama:      ", local.response)


if __name__ == "__main__":
    ask_openai()
    ask_anthropic()
    ask_gemini()
    ask_ollama()
    asyncio.run(ask_all_at_once())
