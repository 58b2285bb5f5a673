"""Runs each feature of one client and prints what became of it, as JSON."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable


class World:
    def __init__(self) -> None:
        self.url, self.key, self.busy_url, self.busy_key = sys.argv[1:5]

    def caller_gone(self) -> None:
        """Waits until the latest request is accounted for as one whose caller went away."""
        request = urllib.request.Request(self.url + "/v1/payments/usage?limit=1", headers={"x-api-key": self.key})
        for _ in range(60):
            with urllib.request.urlopen(request) as answer:
                if json.load(answer)["usage"][0]["outcome"] == "caller_gone":
                    return
            time.sleep(0.05)
        raise AssertionError("the caller was not missed")

    def retries(self, ask: Callable[[], object]) -> None:
        """The client waits as long as it is told. A machine that is slower than the account's second sends nothing twice: again."""
        for _ in range(10):
            self.fill()
            start = time.monotonic()
            ask()
            if time.monotonic() - start > 0.99:
                return
        raise AssertionError("it never waited")

    def fill(self) -> None:
        """Sends all that the account of the busy network may send right now."""
        request = urllib.request.Request(self.busy_url + "/v1/models", headers={"x-api-key": self.busy_key})

        def refused() -> bool:
            try:
                urllib.request.urlopen(request).close()
                return False
            except urllib.error.HTTPError as error:
                assert error.code == 429
                return True

        # The first refusal after a call that was let through, so that a second is left.
        while refused():
            pass
        while not refused():
            pass


def refused(kind: type[Exception], call) -> Exception:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("it was not refused")


def run(features: dict) -> None:
    world = World()
    found = {}
    for name, feature in features.items():
        try:
            feature(world)
            found[name] = "good"
        except Exception as error:
            found[name] = f"line {error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0}: {error!r}"
    print(json.dumps(found))
