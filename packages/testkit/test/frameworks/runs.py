"""Runs each feature of one framework and prints what became of it, as JSON."""

import json
import sys
import traceback
from typing import Literal

import pydantic

ORIGIN, KEY, MODEL = sys.argv[1:4]
BASE_URL = ORIGIN + "/v1"
QUESTION = "What is rain?"
WEATHER = "What is the weather in Paris?"
# The model answers these in the form.
ASK_REPORT = "Report on rain."
ASK_BOTH = "Report the weather in Paris."
RAIN = "Rain is water."
SEEN = "It rains in Paris."
# More than the model's context has room for, and less than the coordinator refuses by its size alone.
TOO_LONG = "rain " * 9_000


class Report(pydantic.BaseModel):
    warm: bool
    weather: Literal["rain", "sun"]


REPORT = Report(warm=False, weather="rain")


def get_weather(city: str) -> str:
    """Get the weather for a city.

    Args:
        city: Its name.
    """
    return "rain in " + city


def same(found: object, right: object) -> None:
    assert found == right, repr(found)


def run(**features) -> None:
    found = {}
    for name, feature in features.items():
        try:
            feature()
            found[name] = "good"
        except Exception:
            found[name] = traceback.format_exc()[-1500:]
    print(json.dumps(found))
