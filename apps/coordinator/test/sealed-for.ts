import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { sealFor, writeEnvelope, type SealTerms } from "@darkbloom/protocol/sealing";
import { entry, type Caller, type TestNetwork } from "@darkbloom/testkit";
import type { Ask } from "../src/inference/ask.ts";
import { Sealed } from "../src/inference/privacy/sealed.ts";
import type { ScriptedMachine } from "./scripted-machine.ts";

/** A chat that its caller has sealed for these machines, as the edge hands it on. @param said what its clear fields say otherwise */
export function sealedFor(
  network: TestNetwork,
  caller: Caller,
  machines: readonly ScriptedMachine[],
  said: Partial<SealTerms> = {},
): Ask {
  const { terms, ...rest } = network.ask(caller);
  const { header, envelope } = sealFor(
    { hpke: nodeHpke, crypto: nodeCrypto, random: systemRandom },
    {
      terms: {
        mode: "sealed",
        endpoint: terms.endpoint,
        model: entry.id,
        build: entry.build,
        stream: terms.stream,
        max_tokens: 100,
        features: [],
        min_trust: terms.minTrust,
        pins: [],
        ...said,
      },
      body: utf8("{}"),
      recipients: machines.map(({ recipient }) => recipient),
      nowMs: network.clock.now(),
    },
  );
  return {
    ...rest,
    content: new Sealed(header, envelope),
    terms: {
      ...terms,
      candidates: machines.map(({ recipient: { providerId, keyId, evidenceSha256 } }) => ({
        providerId,
        keyId,
        evidenceSha256,
      })),
      maxTokensInAll: 100,
      bodySha256: toHex(nodeCrypto.sha256(writeEnvelope(envelope))) as Sha256Hex,
    },
  };
}
