import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { binary, Folder, get, post, Program, until, type Ready } from "./running.ts";

const KEY = "order-5f1d0c7e-canary";
const question = (more: object) => ({
  model: "darkbloom-tiny",
  temperature: 0,
  messages: [{ role: "user", content: "Count from 1 to 100." }],
  ...more,
});
const keyed = question({ max_tokens: 5 });

interface Usage {
  readonly cost_micro_usd: number;
  readonly outcome: string;
  readonly completion_tokens: number;
}

/** The bytes of one POST, as they are pipelined. */
function raw(at: Ready, body: object, headers = ""): string {
  const text = JSON.stringify(body);
  return (
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${new URL(at.base_url).host}\r\nauthorization: Bearer ${at.api_key}\r\n` +
    `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n${headers}\r\n${text}`
  );
}

/**
 * Goal: a coordinator that dies between the charge and the delivery of an answer gives it once more for nothing, under its
 * idempotency key; after that, and after a hang-up, the caller pays. Method: the real program. The answer to a second, pipelined
 * request waits in the coordinator for the first one's stream to end: it is charged and cannot be sent, and there comes `kill -9`.
 */
it("gives an answer again that was charged and never delivered", { timeout: 300_000 }, async () => {
  using folder = new Folder();
  const data = `${folder.path}/coordinator`;
  const start = (port: string) => new Program(["coordinator", "--port", port, "--data", data]);
  await using cleanup = new AsyncDisposableStack();
  const first = cleanup.use(start("0"));
  const { base_url } = await first.ready;
  const printed = execFileSync(process.execPath, [binary, "keys", "create", "--data", data, "--credit", "1", "--json"]);
  const at: Ready = {
    base_url,
    api_key: (JSON.parse(printed.toString()) as Ready).api_key,
    model: "",
    provider_serial: "",
  };
  const machine = ["provider", "start", "--coordinator", base_url, "--data", `${folder.path}/p1`, "--slots", "2"];
  await cleanup.use(new Program(machine)).ready;
  const connected = () =>
    until(async () => {
      const shown = (await get(at, "/v1/providers/attestation"))["providers"] as { trust_level: string }[];
      return shown.some(({ trust_level }) => trust_level === "self_signed");
    }, 60_000);
  await connected();
  const usage = async () => (await get(at, "/v1/payments/usage"))["usage"] as Usage[];
  const balance = async () => Number((await get(at, "/v1/payments/balance"))["balance_micro_usd"]);
  const again = async (body: object = keyed) => {
    const before = await balance();
    const response = await post(at, body, { "idempotency-key": KEY });
    await response.text();
    return { status: response.status, paid: before - (await balance()) };
  };

  const socket = connect(Number(new URL(base_url).port), "127.0.0.1");
  cleanup.defer(() => void socket.destroy());
  let heard = "";
  socket.on("data", (bytes: Buffer) => void (heard += bytes.toString())).on("error", () => undefined);
  socket.write(raw(at, question({ stream: true })) + raw(at, keyed, `idempotency-key: ${KEY}\r\n`));
  await until(async () => (await usage()).length > 0, 60_000);
  await first.kill("SIGKILL");
  // The stream was cut, and of the answer that was charged nothing had come.
  expect(heard).toContain("text/event-stream");
  expect(heard).not.toContain("[DONE]");
  expect(heard).not.toContain("application/json");

  await cleanup.use(start(new URL(base_url).port)).ready;
  await connected();
  const [charged] = await usage();
  expect(charged).toMatchObject({ outcome: "finished", completion_tokens: 5 });
  const price = Number(charged?.cost_micro_usd);
  expect(price).toBeGreaterThan(0);
  expect(await balance()).toBe(1_000_000 - price);

  expect(await again(question({ max_tokens: 6 }))).toEqual({ status: 409, paid: 0 });
  expect(await again()).toEqual({ status: 200, paid: 0 });
  expect(await again()).toEqual({ status: 200, paid: price });
  expect((await usage()).map(({ cost_micro_usd }) => cost_micro_usd)).toEqual([price, 0, price]);

  // Who hangs up is owed nothing.
  const leaving = new AbortController();
  const stream = question({ stream: true });
  const left = await fetch(`${base_url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${at.api_key}`, "content-type": "application/json", "idempotency-key": "left" },
    body: JSON.stringify(stream),
    signal: leaving.signal,
  });
  await left.body?.getReader().read();
  leaving.abort();
  await until(async () => (await usage()).length === 4, 40_000);
  const before = await balance();
  await (await post(at, stream, { "idempotency-key": "left" })).text();
  expect(await balance()).toBeLessThan(before);

  expect(execFileSync(process.execPath, [binary, "ledger", "check", "--data", data]).toString()).not.toBe("");
  expect(folder.contents().includes(KEY)).toBe(false);
});
