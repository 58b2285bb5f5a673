import { fromHex, toHex } from "@darkbloom/protocol/bytes";
import { systemClock } from "@darkbloom/protocol/node";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ManualClock, settle } from "../../../test/manual-clock.ts";
import { connectTpm, PipeTransport, readTpmAddress, type TpmPipe } from "./transport.ts";

const command = fromHex("80010000000a00000000");
const good = "80010000000c00000000abcd";

/** A pipe that gives these pieces, then nothing for ever, or the end. */
function pipeOf(pieces: readonly string[], after: "silence" | "end" = "end") {
  const written: string[] = [];
  let closed = 0;
  const waiting = [...pieces];
  const pipe: TpmPipe = {
    write: async (bytes) => void written.push(toHex(bytes)),
    read: async () => {
      const piece = waiting.shift();
      if (piece !== undefined) return fromHex(piece);
      return after === "end" ? undefined : await new Promise<never>(() => {});
    },
    close: async () => void (closed += 1),
  };
  return { pipe, written, closed: () => closed };
}

describe("the way to a TPM", () => {
  it.each([
    { text: "/dev/tpmrm0", is: { device: "/dev/tpmrm0" } },
    { text: "swtpm:127.0.0.1:2321", is: { host: "127.0.0.1", port: 2321 } },
    { text: "swtpm:tpm.example:1", is: { host: "tpm.example", port: 1 } },
    { text: "swtpm:127.0.0.1:0", is: undefined },
    { text: "swtpm:127.0.0.1:65536", is: undefined },
    { text: "swtpm:2321", is: undefined },
    { text: "tpmrm0", is: undefined },
    { text: "", is: undefined },
  ])("reads $text as an address", ({ text, is }) => {
    expect(readTpmAddress(text)).toEqual(is);
  });

  /** Goal: a response comes back whole, however it is cut. Method: pieces of several sizes. */
  it.each([[[good]], [["8001", good.slice(4)]], [good.match(/../g) ?? []]])("puts %j together", async (pieces) => {
    const { pipe, written } = pipeOf(pieces);
    await using transport = new PipeTransport(pipe, new ManualClock());
    expect(toHex(await transport.exchange(command))).toBe(good);
    expect(written).toEqual([toHex(command)]);
  });

  /** Goal: after a fault nothing is taken for an answer. Method: each fault, then a further command. */
  it.each([
    { name: "the end", pieces: [], code: "lost" },
    { name: "the end in the middle", pieces: [good.slice(0, 22)], code: "lost" },
    { name: "more than it says", pieces: [`${good}00`], code: "malformed" },
    { name: "a size below a header's", pieces: ["80010000000900000000"], code: "malformed" },
    { name: "a size above the bound", pieces: ["80010000100100000000"], code: "malformed" },
  ])("gives up after $name", async ({ pieces, code }) => {
    const { pipe, written, closed } = pipeOf([...pieces, good]);
    if (code === "lost") pipe.read = pipeOf(pieces).pipe.read;
    await using transport = new PipeTransport(pipe, new ManualClock());
    await expect(transport.exchange(command)).rejects.toMatchObject({ code });
    await expect(transport.exchange(command)).rejects.toMatchObject({ code: "lost" });
    expect([written.length, closed()]).toEqual([1, 1]);
  });

  /** Goal: a TPM that hangs is given up. Method: silence, and time that passes by itself. */
  it("gives up after silence", async () => {
    const { pipe, closed } = pipeOf([], "silence");
    const clock = new ManualClock();
    await using transport = new PipeTransport(pipe, clock);
    const refused = expect(transport.exchange(command)).rejects.toMatchObject({ code: "timeout" });
    await clock.advance(119_999);
    expect(closed()).toBe(0);
    await clock.advance(1);
    await refused;
    expect(closed()).toBe(1);
  });

  /** Goal: the next command waits for the answer to the last. Method: an answer that is held back. */
  it("sends one command at a time", async () => {
    const { pipe, written } = pipeOf([]);
    const first = Promise.withResolvers<Uint8Array>();
    const answers = [first.promise, Promise.resolve(fromHex(good))];
    pipe.read = async () => await answers.shift();
    await using transport = new PipeTransport(pipe, new ManualClock());
    const both = Promise.all([transport.exchange(command), transport.exchange(command)]);
    await settle();
    expect(written).toHaveLength(1);
    first.resolve(fromHex(good));
    await both;
    expect(written).toHaveLength(2);
  });

  it("closes once, when it is left", async () => {
    const { pipe, closed } = pipeOf([good]);
    {
      await using _transport = new PipeTransport(pipe, new ManualClock());
    }
    expect(closed()).toBe(1);
  });

  /** Goal: only a device is written to. Method: a file of that name, no file, and devices that are no TPM. */
  it("opens devices only", async () => {
    const folder = mkdtempSync(join(tmpdir(), "darkbloom-device-"));
    try {
      const file = join(folder, "file");
      writeFileSync(file, "precious");
      for (const device of [file, join(folder, "nothing")])
        await expect(connectTpm({ device }, systemClock)).rejects.toMatchObject({ code: "unreachable" });
      expect(readFileSync(file, "utf8")).toBe("precious");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.skipIf(!existsSync("/dev/zero")).each([
    { device: "/dev/null", code: "lost" },
    { device: "/dev/zero", code: "malformed" },
  ])("takes no answer from $device", async ({ device, code }) => {
    await using transport = await connectTpm({ device }, systemClock);
    await expect(transport.exchange(command)).rejects.toMatchObject({ code });
  });

  it("tells that nobody listens", async () => {
    const server = createServer().listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await new Promise((resolve) => server.close(resolve));
    await expect(connectTpm({ host: "127.0.0.1", port }, systemClock)).rejects.toMatchObject({ code: "unreachable" });
  });
});
