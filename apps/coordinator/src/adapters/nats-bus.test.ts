import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@darkbloom/protocol/bytes";
import { describe, expect, it, onTestFinished } from "vitest";
import { hasNats, NatsServer } from "../../test/nats.ts";
import { busContract } from "../cluster/bus.contract.ts";
import { addressOf } from "./nats-address.ts";
import { NatsBus } from "./nats-bus.ts";

const up = (bus: NatsBus) => expect.poll(() => bus.isUp, { timeout: 10_000 }).toBe(true);

async function connected(url: string, failed?: (error: unknown) => void): Promise<NatsBus> {
  const bus = await NatsBus.open(addressOf(url), failed);
  onTestFinished(() => bus[Symbol.asyncDispose]());
  return bus;
}

describe.skipIf(!hasNats)("on a real NATS server", () => {
  busContract("NATS", async () => {
    const server = await NatsServer.start();
    const all: NatsBus[] = [];
    return {
      connect: async () => {
        const bus = await connected(server.urlOf());
        await up(bus);
        all.push(bus);
        return bus;
      },
      // Once for what is published, and once for what the server has passed on by then.
      settle: async () => {
        for (let round = 0; round < 2; round++) await Promise.all(all.map((bus) => bus.flush()));
      },
      leave: () => server.halt(),
      comeBack: () => server.resume(),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  });

  /** Goal: a server that is away keeps nobody from starting, and is joined once it is there. Method: connect first. */
  it("waits for a server that comes later", async () => {
    await using server = await NatsServer.start();
    await server.halt();
    const failures: unknown[] = [];
    const bus = await connected(server.urlOf(), (error) => failures.push(error));
    const heard: string[] = [];
    bus.subscribe("darkbloom.n.fleet", (payload) => heard.push(new TextDecoder().decode(payload)));
    await expect.poll(() => failures.length).toBe(1);
    await server.resume();
    await up(bus);
    const other = await connected(server.urlOf());
    await up(other);
    await bus.flush();
    other.publish("darkbloom.n.fleet", utf8("hello"));
    await expect.poll(() => heard).toEqual(["hello"]);
    expect(failures).toHaveLength(1);
  });

  /** Goal: the server's own permissions keep others out of the network's subjects. Method: a user of the network, one of another account, a wrong password. */
  it("keeps out whom the server's permissions keep out", async () => {
    const settings = `
      accounts {
        DARKBLOOM { users: [{ user: "coordinator", password: "right",
          permissions: { publish: "darkbloom.>", subscribe: "darkbloom.>" } }] }
        OTHERS { users: [{ user: "other", password: "other" }] }
      }`;
    await using server = await NatsServer.start(settings);
    const [one, two, other] = await Promise.all(
      ["coordinator:right", "coordinator:right", "other:other"].map((who) => connected(server.urlOf(who))),
    );
    if (!one || !two || !other) throw new RangeError("three were asked for");
    await Promise.all([one, two, other].map(up));
    const heard: string[] = [];
    for (const [name, bus] of [["two", two] as const, ["other", other] as const])
      bus.subscribe("darkbloom.n.fleet", (payload) => heard.push(`${name}: ${new TextDecoder().decode(payload)}`));
    await Promise.all([two.flush(), other.flush()]);
    other.publish("darkbloom.n.fleet", utf8("forged"));
    await other.flush();
    one.publish("darkbloom.n.fleet", utf8("true"));
    await expect.poll(() => heard).toEqual(["two: true"]);

    const failures: unknown[] = [];
    const wrong = await connected(server.urlOf("coordinator:wrong"), (error) => failures.push(error));
    await expect.poll(() => failures.length, { timeout: 10_000 }).toBe(1);
    expect(wrong.isUp).toBe(false);
  });

  /** Goal: `tls://` speaks to the server that its root vouches for, and to no other; neither kind of URL takes the other kind of server. Method: a certificate made here, with and without its root. */
  it("speaks TLS to whom the root vouches for", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nats-tls-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
    const named = ["-subj", "/CN=bus", "-addext", "subjectAltName=IP:127.0.0.1"];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", [...made, "-keyout", key ?? "", "-out", cert ?? "", ...named], { stdio: "ignore" });
    await using server = await NatsServer.start(`tls { cert_file: "${cert}", key_file: "${key}" }`);
    const url = server.urlOf().replace("nats:", "tls:");
    await up(await connected(`${url}?sslrootcert=${cert}`));
    await using plain = await NatsServer.start();
    for (const wrong of [url, server.urlOf(), plain.urlOf().replace("nats:", "tls:")]) {
      const failure = Promise.withResolvers<unknown>();
      const bus = await connected(wrong, failure.resolve);
      await failure.promise;
      expect(bus.isUp).toBe(false);
    }
  });
});
