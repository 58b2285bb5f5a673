from typing import Literal

import anthropic
import pydantic
from feature_runs import refused, run

TOOL = {
    "name": "get_weather",
    "description": "Get the weather for a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Report(pydantic.BaseModel):
    warm: bool
    weather: Literal["rain", "sun"]


def at(world, url=None, key=None, retries=0):
    return anthropic.Anthropic(base_url=url or world.url, api_key=key or world.key, max_retries=retries)


def ask(content="What is rain?", **more):
    # Clients give no temperature any more; the body field is still served.
    asked = dict(model="darkbloom-tiny", max_tokens=1100, messages=[{"role": "user", "content": content}])
    return {**asked, "extra_body": {"temperature": 0}, **more}


def create(world):
    message = at(world).messages.create(**ask())
    assert message.content[0].text.startswith("Rain is water")
    counted = at(world).messages.count_tokens(model="darkbloom-tiny", messages=ask()["messages"])
    assert counted.input_tokens == message.usage.input_tokens + message.usage.cache_read_input_tokens


def stream(world):
    with at(world).messages.stream(**ask()) as events:
        assert "".join(events.text_stream).startswith("Rain is water")


def tools(world):
    asked = ask(
        "What is the weather in Paris?", tools=[TOOL], tool_choice={"type": "tool", "name": "get_weather"}
    )
    (call,) = at(world).messages.create(**asked).content
    assert call.name == "get_weather" and call.input == {"city": "Paris"}
    with at(world).messages.stream(**asked) as events:
        (call,) = events.get_final_message().content
    assert call.name == "get_weather" and call.input == {"city": "Paris"}


def structured(world):
    assert isinstance(at(world).messages.parse(output_format=Report, **ask()).parsed_output, Report)


def abort(world):
    events = at(world).messages.create(stream=True, **ask("Count from 1 to 100."))
    next(event for event in events if event.type == "content_block_delta")
    events.close()
    world.caller_gone()


def errors(world):
    refused(anthropic.AuthenticationError, lambda: at(world, key="wrong").messages.create(**ask()))
    refused(anthropic.NotFoundError, lambda: at(world).messages.create(**{**ask(), "model": "nothing"}))
    bad = refused(
        anthropic.BadRequestError, lambda: at(world).messages.create(**ask(extra_body={"temperature": 3}))
    )
    assert "temperature" in bad.message


def retry(world):
    client = at(world, url=world.busy_url, key=world.busy_key, retries=1)
    world.retries(lambda: client.messages.create(**ask()))


def usage(world):
    assert at(world).messages.create(**ask()).usage.output_tokens > 10


def reasoning(world):
    thinking = ask(system="Think step by step.")
    assert [block.type for block in at(world).messages.create(**thinking).content] == ["text"]
    shown = at(world).messages.create(thinking={"type": "enabled", "budget_tokens": 1024}, **thinking)
    assert [block.type for block in shown.content] == ["thinking", "text"]
    assert "The user asks" in shown.content[0].thinking


def models(world):
    listed = list(at(world).models.list(limit=1, lifecycle=["active"]))
    assert [(one.id, one.max_input_tokens) for one in listed] == [("darkbloom-tiny", 2048)]
    assert at(world).models.retrieve("darkbloom-tiny").created_at.year >= 2023
    refused(anthropic.NotFoundError, lambda: at(world).models.retrieve("nothing"))
    refused(anthropic.NotFoundError, lambda: at(world).messages.batches.list())


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
