import type { JobId } from "@darkbloom/protocol/ids";
import { CHOICES_MAX } from "@darkbloom/protocol/limits";
import type { SealTerms } from "@darkbloom/protocol/sealing";
import { Caller, entry, TestNetwork } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { ScriptedMachine } from "../../../test/scripted-machine.ts";
import { sealedFor } from "../../../test/sealed-for.ts";

const machineOf = (network: TestNetwork, name: string) => new ScriptedMachine(network, () => {}, { name });
const MOST = entry.maxOutputTokens * CHOICES_MAX;

describe("a sealed request", () => {
  /** Goal: what no machine could serve as its clear fields say is refused before one is asked. Method: the model of the catalog, asked for by each of these. */
  it.each<[what: string, said: Partial<SealTerms>, generates: boolean, failure: object | undefined]>([
    ["the model's own id", {}, true, undefined],
    ["another name of it", { model: "alias" }, true, { code: "body_invalid", param: "hdr.model" }],
    ["an older build", { build: "older" }, true, { code: "no_candidate", model: entry.id, others: 0 }],
    ["the most that it writes", { max_tokens: MOST }, true, undefined],
    ["more than it writes", { max_tokens: MOST + 1 }, true, { code: "body_invalid", param: "hdr.max_tokens" }],
    ["more, where nothing is written", { max_tokens: MOST + 1 }, false, undefined],
  ])("for %s", (_, said, generates, failure) => {
    const network = new TestNetwork();
    const { content, terms } = sealedFor(network, new Caller(), [machineOf(network, "prov_0")], said);
    const act = () => content.refuseFor(entry, { ...terms, generates }, () => []);
    if (!failure) expect(act).not.toThrow();
    else expect(act).toThrow(expect.objectContaining({ failure: expect.objectContaining(failure) }));
  });

  /** Goal: it is handed to nobody that it was not sealed for. Method: a machine that it names, and one that it does not. */
  it("goes to the machines alone that it names", () => {
    const network = new TestNetwork();
    const [named, other] = [machineOf(network, "prov_0"), machineOf(network, "prov_1")];
    const { content, terms } = sealedFor(network, new Caller(), [named]);
    const over = (machine: ScriptedMachine) =>
      content.exchangeOver(machine.open("job_1" as JobId), terms, { entry, maxTokens: 1 }, network.net);
    expect(over(named).evidenceSha256).toBe(named.view.evidenceSha256);
    expect(() => over(other)).toThrow("not sealed to");
  });
});
