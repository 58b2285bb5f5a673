import asyncio

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from runs import ASK_BOTH, ASK_REPORT, BASE_URL, KEY, MODEL, QUESTION, RAIN, REPORT, SEEN, WEATHER, Report, get_weather, run, same

set_tracing_disabled(True)


def each(check) -> None:
    """Over both endpoints that the framework speaks to."""
    for kind in OpenAIChatCompletionsModel, OpenAIResponsesModel:
        model = kind(model=MODEL, openai_client=AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0))

        def agent(model=model, **more):
            return Agent(name="a", model=model, model_settings=ModelSettings(store=False), **more)

        asyncio.run(check(agent))


async def answer(agent):
    same((await Runner.run(agent(), QUESTION)).final_output, RAIN)


async def stream(agent):
    result = Runner.run_streamed(agent(), QUESTION)
    deltas = [
        event.data.delta
        async for event in result.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    same("".join(deltas), RAIN)


async def tools(agent):
    same((await Runner.run(agent(tools=[function_tool(get_weather)]), WEATHER)).final_output, SEEN)


async def form(agent):
    same((await Runner.run(agent(output_type=Report), ASK_REPORT)).final_output, REPORT)


async def both(agent):
    made = agent(output_type=Report, tools=[function_tool(get_weather)])
    same((await Runner.run(made, ASK_BOTH)).final_output, REPORT)


run(
    answer=lambda: each(answer),
    stream=lambda: each(stream),
    tools=lambda: each(tools),
    form=lambda: each(form),
    tools_and_form=lambda: each(both),
)
