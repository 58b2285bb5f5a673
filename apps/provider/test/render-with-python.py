"""Renders templates as the tools that chat templates are written for: one JSON document in, one out."""

import datetime
import functools
import json
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """Renders {% generation %} as what stands in it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def fail(message):
    raise jinja2.exceptions.TemplateError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment(now):
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    made.filters["tojson"] = to_json
    made.globals["raise_exception"] = fail
    made.globals["strftime_now"] = lambda form: now.strftime(form)
    return made


def main():
    asked = json.load(sys.stdin)
    now = datetime.datetime.fromtimestamp(asked["now_ms"] / 1000, datetime.timezone.utc).replace(tzinfo=None)
    templates = functools.cache(environment(now).from_string)
    answers = []
    for case in asked["cases"]:
        try:
            answers.append({"text": templates(case["source"]).render(**json.loads(case["values"]))})
        except Exception as error:
            answers.append({"error": type(error).__name__})
    json.dump(answers, sys.stdout)


main()
