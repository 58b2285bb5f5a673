import { softwareSerial } from "@darkbloom/protocol/evidence";
import { endOfTurn, nodeCrypto, nodeHpke, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { codeSha256 } from "./posture/code-hash.ts";
import { readMachine } from "./posture/machine.ts";
import { createProviderLog } from "./files/provider-log.ts";
import { ScriptedEngine } from "./engine/scripted-engine.ts";
import { passingKey } from "./identity/software-key.ts";
import type { LossReason } from "./events/events.ts";
import { SealingKeys } from "./session/keys.ts";
import { Offers } from "./session/offers.ts";
import { Session } from "./session/session.ts";
import { webSocketDialer } from "./ws/dial.ts";

/**
 * Goes the whole way of a provider into a network, and leaves at once: dial, register, be taken in. It does so under an
 * identity of its own that offers no model, so it is sent no prompt, and the machine's own provider stays connected.
 *
 * @returns how it ended where it was not taken in
 */
export async function tryJoin(config: {
  readonly coordinatorUrl: string;
  readonly authToken: string | undefined;
  readonly version: string;
}): Promise<LossReason | undefined> {
  const { described } = await readMachine();
  const signer = passingKey();
  const tools = { clock: systemClock, crypto: nodeCrypto, hpke: nodeHpke, random: systemRandom, signer };
  const software = { name: "darkbloom doctor", version: config.version, code_sha256: await codeSha256() };
  const engine = new ScriptedEngine({ clock: systemClock, script: () => ({ pieces: [] }) });
  const { name, version } = engine;
  using keys = new SealingKeys(tools, () => ({
    ...described,
    serial: softwareSerial(nodeCrypto, signer.publicKey),
    engine: { name, version },
    software,
    posture: {},
  }));
  const leave = new AbortController();
  let isTakenIn = false;
  const session = new Session({
    ...tools,
    engine,
    keys,
    offers: new Offers(tools, () => ({ slots: 1, models: [] })),
    authToken: config.authToken,
    machineToken: undefined,
    posture: () => ({}),
    witness: undefined,
    onTrust: () => undefined,
    defer: endOfTurn(),
    events: {
      ...createProviderLog("silent"),
      joined: () => {
        isTakenIn = true;
        leave.abort(new Error("seen enough"));
      },
    },
  });
  const { reason } = await session.run(webSocketDialer(config.coordinatorUrl), config.coordinatorUrl, leave.signal);
  return isTakenIn ? undefined : reason;
}
