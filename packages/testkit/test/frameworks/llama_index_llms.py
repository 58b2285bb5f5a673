from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from runs import ASK_REPORT, BASE_URL, KEY, MODEL, QUESTION, RAIN, REPORT, WEATHER, Report, get_weather, run, same

ASKED = dict(
    model=MODEL, api_base=BASE_URL, api_key=KEY, max_retries=0, max_tokens=64, context_window=2048, is_chat_model=True
)
LLM = OpenAILike(is_function_calling_model=True, should_use_structured_outputs=True, **ASKED)
SAID = [ChatMessage(role="user", content=QUESTION)]


def answer():
    same(LLM.chat(SAID).message.content, RAIN)
    same(LLM.complete(QUESTION).text, RAIN)


def stream():
    same("".join(part.delta or "" for part in LLM.stream_chat(SAID)), RAIN)


def tools():
    made = LLM.predict_and_call([FunctionTool.from_defaults(get_weather)], WEATHER)
    same(str(made.response), "rain in Paris")


def form():
    same(LLM.as_structured_llm(Report).complete(ASK_REPORT).raw, REPORT)


def texts():
    model = OpenAILike(**{**ASKED, "is_chat_model": False})
    same(model.complete(QUESTION).text, RAIN)
    same("".join(part.delta or "" for part in model.stream_complete(QUESTION)), RAIN)


run(answer=answer, stream=stream, tools=tools, form=form, texts=texts)
