import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import json

import litellm
from runs import ASK_REPORT, BASE_URL, KEY, MODEL, ORIGIN, QUESTION, RAIN, REPORT, SEEN, TOO_LONG, WEATHER, Report, get_weather, run, same

litellm.telemetry = False
PLACES = (
    dict(model="openai/" + MODEL, api_base=BASE_URL, api_key=KEY),
    dict(model="anthropic/" + MODEL, api_base=ORIGIN, api_key=KEY),
)
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def said(text):
    return [{"role": "user", "content": text}]


def answer():
    for place in PLACES:
        made = litellm.completion(messages=said(QUESTION), max_tokens=64, **place)
        same(made.choices[0].message.content, RAIN)
        assert made.usage.completion_tokens > 1


def stream():
    for place in PLACES:
        chunks = litellm.completion(messages=said(QUESTION), max_tokens=64, stream=True, **place)
        same("".join(chunk.choices[0].delta.content or "" for chunk in chunks), RAIN)


def tools():
    for place in PLACES:
        messages = said(WEATHER)
        made = litellm.completion(messages=messages, tools=[TOOL], max_tokens=64, **place).choices[0].message
        (call,) = made.tool_calls
        result = get_weather(**json.loads(call.function.arguments))
        messages += [made, {"role": "tool", "tool_call_id": call.id, "content": result}]
        made = litellm.completion(messages=messages, tools=[TOOL], max_tokens=64, **place)
        same(made.choices[0].message.content, SEEN)


def form():
    made = litellm.completion(messages=said(ASK_REPORT), response_format=Report, max_tokens=64, **PLACES[0])
    same(Report.model_validate_json(made.choices[0].message.content), REPORT)


def overflow():
    for place in PLACES:
        try:
            litellm.completion(messages=said(TOO_LONG), max_tokens=64, num_retries=0, **place)
        except litellm.ContextWindowExceededError:
            continue
        raise AssertionError("it was not recognized")


run(answer=answer, stream=stream, tools=tools, form=form, overflow=overflow)
