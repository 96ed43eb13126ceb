"""Chat on watsonx: OpenAI's chat completions with a field of its own for the model.

Documented (2026-11) at cloud.ibm.com/apidocs/watsonx-ai#text-chat and #text-chat-stream.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from taximeter.providers.facts import RequestFacts
from taximeter.providers.openai_chat import ChatAnswer, ChatDocument, ChatRequest
from taximeter.providers.shape import Text, shaped
from taximeter.providers.values import as_text


class WatsonxDocument(ChatDocument, gc=False):
    """The fields of a completion or of one chunk that are read."""

    model_id: Text = None


class WatsonxRequest(ChatRequest, total=False):
    """The fields of a request that are read."""

    model_id: Any


class WatsonxChatAnswer(ChatAnswer):
    """A chat completion whose model is called `model_id`."""

    shape: ClassVar[Any] = WatsonxDocument
    request_shape: ClassVar[Any] = WatsonxRequest

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the request tells."""
        facts = ChatAnswer.read_request(body)
        facts.model = as_text(body.get("model_id")) or facts.model
        return facts

    def add(self, document: Any) -> None:
        """Take a completion or one chunk of it."""
        if not isinstance(document, WatsonxDocument):
            document = shaped(document, WatsonxDocument)
        self.note_names(document.id, document.model_id)
        super().add(document)
