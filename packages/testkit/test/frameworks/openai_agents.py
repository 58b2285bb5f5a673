import asyncio

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIProvider,
    OpenAIResponsesModel,
    RunConfig,
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


class Heard:
    """How often a WebSocket was opened: nothing falls back to HTTP unseen."""

    opened = 0


def over_websocket() -> None:
    import websockets.asyncio.client as client

    connect = client.connect

    def counted(*args, **more):
        Heard.opened += 1
        return connect(*args, **more)

    client.connect = counted
    asyncio.run(over_one_connection())
    assert Heard.opened > 0, "it went over HTTP"


async def over_one_connection() -> None:
    provider = OpenAIProvider(base_url=BASE_URL, api_key=KEY, use_responses=True, use_responses_websocket=True)
    config = RunConfig(model_provider=provider, tracing_disabled=True)

    def agent(**more):
        return Agent(name="a", model=MODEL, model_settings=ModelSettings(store=False), **more)

    same((await Runner.run(agent(), QUESTION, run_config=config)).final_output, RAIN)
    seen = await Runner.run(agent(tools=[function_tool(get_weather)]), WEATHER, run_config=config)
    same(seen.final_output, SEEN)
    made = agent(output_type=Report)
    same((await Runner.run(made, ASK_REPORT, run_config=config)).final_output, REPORT)


run(
    answer=lambda: each(answer),
    stream=lambda: each(stream),
    tools=lambda: each(tools),
    form=lambda: each(form),
    tools_and_form=lambda: each(both),
    websocket=over_websocket,
)
