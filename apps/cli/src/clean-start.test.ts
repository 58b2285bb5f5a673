import { scrubbedEnvironment } from "@darkbloom/provider/posture/environment";
import { expect, it } from "vitest";
import { settingsOf } from "./command.ts";
import { providerStart } from "./commands/provider-start.ts";
import { STARTED_CLEAN_VARIABLE, SUPERVISED_VARIABLE } from "./environment.ts";
import { environmentNameOf } from "./settings.ts";

/** Goal: no setting is lost on the way to a provider's process. Method: scrub an environment that has all that it reads. */
it("keeps every setting of a provider in its environment", () => {
  const names = [
    ...settingsOf(providerStart.needs).map(environmentNameOf),
    SUPERVISED_VARIABLE,
    STARTED_CLEAN_VARIABLE,
  ];
  const environment = Object.fromEntries(names.map((name) => [name, "x"]));
  expect(scrubbedEnvironment(environment)).toEqual(environment);
});
