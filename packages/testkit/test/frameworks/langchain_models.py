from langchain_anthropic import ChatAnthropic
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI
from runs import ASK_REPORT, BASE_URL, KEY, MODEL, ORIGIN, QUESTION, RAIN, REPORT, SEEN, TOO_LONG, WEATHER, Report, get_weather, run, same

COMMON = dict(model=MODEL, api_key=KEY, max_retries=0, max_tokens=64)
MODELS = (
    ChatOpenAI(base_url=BASE_URL, **COMMON),
    ChatOpenAI(base_url=BASE_URL, use_responses_api=True, store=False, **COMMON),
    ChatAnthropic(base_url=ORIGIN, **COMMON),
)
TOOL = tool(parse_docstring=True)(get_weather)


def answer():
    for model in MODELS:
        same(model.invoke(QUESTION).text, RAIN)
        same([each.text for each in model.batch([QUESTION, QUESTION])], [RAIN, RAIN])


def stream():
    for model in MODELS:
        same("".join(part.text for part in model.stream(QUESTION)), RAIN)


def tools():
    for model in MODELS:
        able = model.bind_tools([TOOL])
        messages = [HumanMessage(WEATHER)]
        made = able.invoke(messages)
        (call,) = made.tool_calls
        messages += [made, ToolMessage(TOOL.invoke(call["args"]), tool_call_id=call["id"])]
        same(able.invoke(messages).text, SEEN)


def form():
    for model in MODELS:
        same(model.with_structured_output(Report).invoke(ASK_REPORT), REPORT)
    same(MODELS[0].with_structured_output(Report, method="function_calling").invoke(ASK_REPORT), REPORT)
    same(MODELS[0].with_structured_output(Report, method="json_mode").invoke(ASK_REPORT + " Say it in JSON."), REPORT)


def texts():
    # Six prompts: two requests, of four and of two.
    model = OpenAI(base_url=BASE_URL, batch_size=4, **COMMON)
    same(model.batch([QUESTION] * 6), [RAIN] * 6)
    same("".join(model.stream(QUESTION)), RAIN)


def overflow():
    for model in MODELS[0], MODELS[2]:
        try:
            model.invoke(TOO_LONG)
        except ContextOverflowError:
            continue
        raise AssertionError("it was not recognized")


run(answer=answer, stream=stream, tools=tools, form=form, texts=texts, overflow=overflow)
