"""Inference: what a call was for, by documented rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.inference import CallContext, infer_task_type, remembering
from taximeter.vocabulary import Operation, TaskType

PROMPTS = {
    "You are a senior reviewer. Review the following diff.": TaskType.CODE_REVIEW,
    "You are a planner. Later you may review code.": TaskType.PLANNING,
    "Break the request into steps before anything else.": TaskType.PLANNING,
    "Implement the feature described by the user.": TaskType.IMPLEMENTATION,
    "You are a coding assistant.": TaskType.IMPLEMENTATION,
    "Write unit tests for the given module.": TaskType.TESTING,
    "Find the bug in this stack trace.": TaskType.DEBUGGING,
    "Summarise the meeting.": TaskType.SUMMARIZATION,
    "Translate to French.": TaskType.TRANSLATION,
    "Extract all dates.": TaskType.EXTRACTION,
    "Classify the ticket.": TaskType.CLASSIFICATION,
    "You are a helpful assistant.": TaskType.UNKNOWN,
    "Explain how an aeroplane works.": TaskType.UNKNOWN,
    "": TaskType.UNKNOWN,
}


@pytest.mark.parametrize(("prompt", "expected"), PROMPTS.items())
def test_the_prompt_names_the_role(prompt: str, expected: TaskType) -> None:
    """The first phrase of the table that a system prompt holds decides."""
    assert infer_task_type(CallContext(operation=Operation.CHAT, system_prompt=prompt)) is expected


def test_some_operations_leave_no_choice() -> None:
    """An embedding is an embedding whatever any prompt says."""
    context = CallContext(operation=Operation.EMBEDDINGS, system_prompt="Review this code")
    assert infer_task_type(context) is TaskType.EMBEDDING


def test_tools_speak_when_the_prompt_does_not() -> None:
    """Tools that edit files mean implementation; the prompt is asked first."""
    tools = ("get_weather", "str_replace_based_edit_tool")
    assert infer_task_type(CallContext(tool_names=tools)) is TaskType.IMPLEMENTATION
    assert infer_task_type(CallContext(system_prompt="Make a plan.", tool_names=tools)) is TaskType.PLANNING


def test_nothing_known_is_unknown() -> None:
    """No context, no guess."""
    assert infer_task_type(CallContext()) is TaskType.UNKNOWN


@given(st.text(), st.lists(st.text()).map(tuple), st.sampled_from(Operation))
def test_any_context_gives_a_known_word(prompt: str, tools: tuple[str, ...], operation: Operation) -> None:
    """No text makes it fail."""
    context = CallContext(operation=operation, system_prompt=prompt, tool_names=tools)
    assert infer_task_type(context) in TaskType


def test_only_the_start_of_a_prompt_is_read() -> None:
    """A prompt of a megabyte costs no more than its first characters."""
    assert infer_task_type(CallContext(system_prompt="x " * 500_000 + "review the code")) is TaskType.UNKNOWN


def test_answers_are_remembered_without_the_texts() -> None:
    """The same prompt is worked out once, and the memory holds no text of it."""
    asked: list[CallContext] = []

    def infer(context: CallContext) -> TaskType:
        asked.append(context)
        return TaskType.PLANNING

    remembered = remembering(infer)
    for _ in range(3):
        assert remembered(CallContext(system_prompt="secret words")) is TaskType.PLANNING
    assert len(asked) == 1
    closure = [cell.cell_contents for cell in remembered.__closure__ or ()]
    assert "secret" not in repr(closure)


def test_the_memory_is_bounded() -> None:
    """As many prompts as there are users do not fill the memory."""
    remembered = remembering(infer_task_type, limit=10)
    for number in range(100):
        remembered(CallContext(system_prompt=str(number)))
    answers = next(c.cell_contents for c in remembered.__closure__ or () if isinstance(c.cell_contents, dict))
    assert len(answers) <= 10
