import { joinBytes, utf8 } from "@darkbloom/protocol/bytes";
import type { Endpoint } from "@darkbloom/protocol/endpoints";
import {
  AnswerSealer,
  frameRecord,
  receiptRecord,
  SEALED_STREAM_TYPE,
  writeAnswerTail,
} from "@darkbloom/protocol/sealing";
import { webHpke } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { secretNamed } from "../../protocol/test/keys.ts";
import { hpkeKey, sampleHeader } from "../../protocol/test/samples.ts";
import { answeredMs, publishedMachine, receiptDocument, sharedSecret } from "../test/samples.ts";
import { openedAnswer } from "./answering-sealed.ts";
import { Coordinator } from "./coordinator.ts";
import { Evidence } from "./evidence.ts";
import { Published } from "./keys.ts";
import { judge } from "./machine.ts";
import { platform } from "./platform.ts";
import { rulesOf } from "./policy.ts";
import type { Facts } from "./verified.ts";

const ports = platform(() => Promise.reject(new Error("nobody is asked")));
const coordinator = new Coordinator(ports, new URL("http://h/"));
const rules = rulesOf(ports.crypto, { minTrust: "self_signed", coordinatorKeys: ["A".repeat(43) + "="] });
const machine = await judge(ports.crypto, await publishedMachine(), rules, answeredMs);

/** A stream of these events, truly sealed by the machine that it was asked of, with a tail and a receipt; and what is settled of it. */
async function openedStream(endpoint: Endpoint, events: readonly string[]) {
  const sealer = new AnswerSealer(webHpke, sharedSecret, secretNamed("response nonce"));
  const tail = writeAnswerTail({ v: 1, kind: "answer", response_sha256: "0".repeat(64), response_signature: "QUJD" });
  const frames = [...events.map((event) => sealer.frame(utf8(event), 1, false)), sealer.frame(tail, 1, true)];
  const bytes = joinBytes([...frames.map(frameRecord), receiptRecord(receiptDocument)]);
  const settled: Facts[] = [];
  const url = new URL(`http://h${endpoint}`);
  const sent = { headers: new Headers(), body: bytes, requestSha256: "1".repeat(64), nonce: "mine" };
  const response = await openedAnswer({
    ports,
    rules,
    evidence: new Evidence(ports, coordinator, rules, undefined),
    published: new Published(ports, coordinator),
    ask: { ...sent, endpoint, url, said: {}, model: "tiny", stream: true, signal: undefined },
    sent: {
      ...sent,
      url,
      header: { ...sampleHeader([hpkeKey()]), endpoint },
      candidates: [{ machine, keyId: hpkeKey().id, secret: sharedSecret }],
      plaintextSha256: secretNamed("plaintext"),
    },
    response: new Response(bytes, { headers: { "content-type": SEALED_STREAM_TYPE, "x-provider-id": "prov_0" } }),
    settle: (facts) => void settled.push(facts),
    brokenStreams: "throw",
  });
  const text = await response.text().catch((error: unknown) => error);
  return { text, settled };
}

const failed = 'event: response.failed\ndata: {"type":"response.failed"}\n\n';

it("lets a machine end its stream in its dialect's error, which no receipt makes whole", async () => {
  const { text, settled } = await openedStream("/v1/responses", [failed]);
  expect(text).toBe(failed);
  expect(settled).toMatchObject([{ outcome: "failed", steps: [{ id: "answer.error" }] }]);
});

it("gives out no end of a stream whose receipt does not hold", async () => {
  const { text, settled } = await openedStream("/v1/chat/completions", ["data: [DONE]\n\n"]);
  expect(text).toMatchObject({ name: "DarkbloomError", code: "answer_false" });
  expect(settled[0]).toMatchObject({ outcome: "refused", error: { code: "answer_false" } });
});
