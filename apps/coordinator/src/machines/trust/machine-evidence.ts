import {
  withoutMachine,
  type Evidence,
  type HardwareEvidence,
  type MachinePolicy,
  type Policy,
} from "@darkbloom/protocol/evidence";
import { policyOf, type MachineName } from "./serial-names.ts";
import { Activation, type ActivationNet } from "./activation.ts";
import { evidenceOf, type SignedWords } from "./shown.ts";

/** What judging a machine needs from outside. */
export interface EvidenceNet extends ActivationNet {
  /** By which evidence is judged now. */
  readonly policy: () => MachinePolicy;
}

export type Challenge = NonNullable<Evidence["challenge"]>;

/** What one machine shows beside its blobs and its answers, by what all of it is judged, and what of it others may see. */
export class MachineEvidence {
  readonly name: MachineName;
  readonly activation: Activation;
  readonly #net: Pick<EvidenceNet, "policy">;
  readonly #hardware: HardwareEvidence | undefined;

  constructor(net: EvidenceNet, name: MachineName, hardware: HardwareEvidence | undefined) {
    this.#net = net;
    this.name = name;
    this.#hardware = hardware;
    this.activation = new Activation(net, hardware?.tpm);
  }

  /** All that the machine shows, with this blob and this challenge. */
  of(shown: SignedWords, challenge?: Challenge): Evidence {
    const activation = this.activation.statement;
    return {
      ...evidenceOf(shown, this.#hardware),
      ...(challenge && { challenge }),
      ...(activation && { activation }),
    };
  }

  policy(moment: Policy["moment"]): Policy {
    return { ...policyOf(this.#net.policy(), this.name, moment), activation: this.activation.status };
  }

  /** The same for others. Behind a pseudonym nothing names the machine: no certificate, not its TPM's own key, no word on that key. */
  published(shown: SignedWords, challenge?: Challenge): Evidence {
    const { activation, hardware, ...rest } = this.of(shown, challenge);
    // Nobody reads what a machine says that has shown nothing yet.
    if (!challenge) return rest;
    if (this.name.alias === undefined)
      return { ...rest, ...(hardware && { hardware }), ...(activation && { activation }) };
    return { ...rest, ...(hardware && { hardware: withoutMachine(hardware) }) };
  }
}
