import anthropic
import instructor
import openai
from runs import ASK_REPORT, BASE_URL, KEY, MODEL, ORIGIN, REPORT, Report, run, same

ASKED = dict(
    model=MODEL, max_tokens=64, max_retries=0, response_model=Report, messages=[{"role": "user", "content": ASK_REPORT}]
)


def by(mode):
    def feature():
        client = instructor.from_openai(openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0), mode=mode)
        same(client.chat.completions.create(**ASKED).model_dump(), REPORT.model_dump())

    return feature


def by_messages():
    client = anthropic.Anthropic(base_url=ORIGIN, api_key=KEY, max_retries=0)
    for mode in instructor.Mode.ANTHROPIC_TOOLS, instructor.Mode.ANTHROPIC_JSON:
        made = instructor.from_anthropic(client, mode=mode).chat.completions.create(**ASKED)
        same(made.model_dump(), REPORT.model_dump())


run(
    tools=by(instructor.Mode.TOOLS),
    strict_tools=by(instructor.Mode.TOOLS_STRICT),
    json=by(instructor.Mode.JSON),
    json_schema=by(instructor.Mode.JSON_SCHEMA),
    messages=by_messages,
)
