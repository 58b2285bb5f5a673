from typing import Literal

import openai
import pydantic
from feature_runs import refused, run

MODEL = "darkbloom-tiny"
TOOL = {
    "name": "get_weather",
    "description": "Get the weather for a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Report(pydantic.BaseModel):
    warm: bool
    weather: Literal["rain", "sun"]


def at(world, url=None, key=None, retries=0):
    return openai.OpenAI(base_url=(url or world.url) + "/v1", api_key=key or world.key, max_retries=retries)


def ask(content="What is rain?", system=None, **more):
    messages = [{"role": "system", "content": system}] if system else []
    return dict(model=MODEL, temperature=0, messages=[*messages, {"role": "user", "content": content}], **more)


def create(world):
    raw = at(world).chat.completions.with_raw_response.create(**ask())
    assert raw.parse().choices[0].message.content.startswith("Rain is water")
    response = at(world).responses.create(model=MODEL, temperature=0, input="What is rain?")
    assert response.output_text.startswith("Rain is water")


def stream(world):
    chunks = at(world).chat.completions.create(stream=True, **ask())
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("Rain is water")
    with at(world).responses.stream(model=MODEL, temperature=0, input="What is rain?") as events:
        assert events.get_final_response().output_text.startswith("Rain is water")


def tools(world):
    forced = {"type": "function", "function": {"name": "get_weather"}}
    asked = ask("What is the weather in Paris?", tools=[{"type": "function", "function": TOOL}], tool_choice=forced)
    (call,) = at(world).chat.completions.create(**asked).choices[0].message.tool_calls
    assert call.function.name == "get_weather" and "Paris" in call.function.arguments
    with at(world).chat.completions.stream(**asked) as events:
        (call,) = events.get_final_completion().choices[0].message.tool_calls
    assert call.function.name == "get_weather" and "Paris" in call.function.arguments


def structured(world):
    answer = at(world).chat.completions.parse(response_format=Report, **ask())
    assert isinstance(answer.choices[0].message.parsed, Report)
    response = at(world).responses.parse(model=MODEL, input="What is rain?", text_format=Report)
    assert isinstance(response.output_parsed, Report)


def abort(world):
    chunks = at(world).chat.completions.create(stream=True, **ask("Count from 1 to 100."))
    next(iter(chunks))
    chunks.close()
    world.caller_gone()


def errors(world):
    refused(openai.AuthenticationError, lambda: at(world, key="wrong").chat.completions.create(**ask()))
    refused(openai.NotFoundError, lambda: at(world).chat.completions.create(**{**ask(), "model": "nothing"}))
    bad = refused(openai.BadRequestError, lambda: at(world).chat.completions.create(**{**ask(), "temperature": 3}))
    assert bad.param == "temperature"


def retry(world):
    client = at(world, url=world.busy_url, key=world.busy_key, retries=1)
    world.retries(lambda: client.chat.completions.create(**ask()))


def usage(world):
    assert at(world).chat.completions.create(**ask()).usage.completion_tokens > 10


def reasoning(world):
    thinking = ask(system="Think step by step.")
    hidden = at(world).chat.completions.create(**thinking).choices[0].message
    assert not hasattr(hidden, "reasoning_content")
    shown = at(world).chat.completions.create(extra_body={"include_reasoning": True}, **thinking).choices[0].message
    assert "The user asks" in shown.reasoning_content


def models(world):
    assert [one.id for one in at(world).models.list()] == ["darkbloom-tiny"]
    assert at(world).models.retrieve("darkbloom-tiny").owned_by == "darkbloom"
    refused(openai.NotFoundError, lambda: at(world).models.retrieve("nothing"))


run(
    {
        "create": create,
        "stream": stream,
        "tools": tools,
        "structured output": structured,
        "abort": abort,
        "errors": errors,
        "retry": retry,
        "usage": usage,
        "reasoning": reasoning,
        "models": models,
    }
)
