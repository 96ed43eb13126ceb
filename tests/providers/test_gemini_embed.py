"""Vertex's predictions of texts and pictures count what they are billed by."""

from taximeter.usage import Usage
from wire_samples import read_body


def test_a_text_prediction_counts_its_tokens() -> None:
    """The PaLM models put them into the metadata."""
    counts = {"inputTokenCount": {"totalTokens": 6}, "outputTokenCount": {"totalTokens": 8}}
    facts = read_body("vertex.predict_text", {"predictions": [{}], "metadata": {"tokenMetadata": counts}})
    assert facts.usage == Usage(uncached_input_tokens=6, text_output_tokens=8)
    assert not facts.truncated


def test_pictures_are_counted_by_the_piece() -> None:
    """There are no tokens; what was filtered out is no picture."""
    picture = {"mimeType": "image/png", "bytesBase64Encoded": "aaaa"}
    facts = read_body("vertex.predict_image", {"predictions": [picture, {"raiFilteredReason": "x"}, picture]})
    assert facts.usage == Usage(units={"image": 2})
    assert read_body("vertex.predict_image", {}).usage is None
