from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from runs import ASK_BOTH, ASK_REPORT, BASE_URL, KEY, MODEL, ORIGIN, QUESTION, RAIN, REPORT, SEEN, WEATHER, Report, get_weather, run, same

MODELS = (
    OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=BASE_URL, api_key=KEY)),
    OpenAIResponsesModel(MODEL, provider=OpenAIProvider(base_url=BASE_URL, api_key=KEY)),
    AnthropicModel(MODEL, provider=AnthropicProvider(base_url=ORIGIN, api_key=KEY)),
)


def answer():
    for model in MODELS:
        same(Agent(model).run_sync(QUESTION).output, RAIN)


def stream():
    for model in MODELS:
        result = Agent(model).run_stream_sync(QUESTION)
        same("".join(result.stream_text(delta=True)), RAIN)


def tools():
    for model in MODELS:
        same(Agent(model, tools=[get_weather]).run_sync(WEATHER).output, SEEN)


def form():
    for model in MODELS[:2]:
        same(Agent(model, output_type=NativeOutput(Report)).run_sync(ASK_REPORT).output, REPORT)
    for model in MODELS:
        same(Agent(model, output_type=PromptedOutput(Report)).run_sync(ASK_REPORT).output, REPORT)


def both():
    for model in MODELS[:2]:
        agent = Agent(model, output_type=NativeOutput(Report), tools=[get_weather])
        same(agent.run_sync(ASK_BOTH).output, REPORT)
    for model in MODELS:
        agent = Agent(model, output_type=ToolOutput(Report, name="report"), tools=[get_weather])
        same(agent.run_sync(ASK_BOTH).output, REPORT)


run(answer=answer, stream=stream, tools=tools, form=form, tools_and_form=both)
