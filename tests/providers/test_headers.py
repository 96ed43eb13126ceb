"""Headers are found in any spelling."""

import pytest

from taximeter.providers.headers import lower_cased, media_type


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_the_media_type_is_found_and_bare(name: str) -> None:
    """Spelling, parameters and spaces make no difference."""
    assert media_type({name: " Text/Event-Stream ; charset=utf-8"}) == "text/event-stream"


def test_there_may_be_none() -> None:
    """Without a content type the first bytes have to tell."""
    assert media_type({"X-Other": "1"}) == ""
    assert lower_cased({"X-Other": "1"}) == {"x-other": "1"}
