import { describe, expect, it } from "vitest";
import { NetworkError } from "../failures.ts";
import { chatImage, IMAGE_BYTES_MAX, IMAGES_MAX, imagesIn, messagesImage, responsesImage } from "./images.ts";
import { dialects } from "./registry.ts";

const base64 = (...bytes: readonly (number | string)[]) =>
  Buffer.concat(
    bytes.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.alloc(part))),
  ).toString("base64");
const png = (more = 4) => base64("\x89PNG\r\n\x1a\n", more);
const images = {
  "image/png": png(),
  "image/jpeg": base64("\xff\xd8\xff\xe0", 8),
  "image/gif": base64("GIF89a", 6),
  "image/webp": base64("RIFF", 4, "WEBPVP8 "),
} as const;
const text = { type: "text", text: "What is this?" };

/** Each dialect's way to write an image of a type with data; and where it stands in a request. */
const ways = [
  {
    endpoint: "/v1/chat/completions",
    part: (type: string, data: string) => ({
      type: "image_url",
      image_url: { url: `data:${type};base64,${data}`, detail: "low" },
    }),
    from: (url: unknown) => ({ type: "image_url", image_url: { url } }),
    body: (part: unknown) => ({ model: "m", messages: [{ role: "user", content: [text, part] }] }),
    at: "messages.0.content.1",
    data: "image_url.url",
    typeField: "image_url.url",
    url: "image_url.url",
  },
  {
    endpoint: "/v1/responses",
    part: (type: string, data: string) => ({ type: "input_image", image_url: `data:${type};base64,${data}` }),
    from: (url: unknown) => ({ type: "input_image", image_url: url }),
    body: (part: unknown) => ({
      model: "m",
      input: [{ role: "user", content: [{ type: "input_text", text: "a" }, part] }],
    }),
    at: "input.0.content.1",
    data: "image_url",
    typeField: "image_url",
    url: "image_url",
  },
  {
    endpoint: "/v1/messages",
    part: (type: string, data: string) => ({ type: "image", source: { type: "base64", media_type: type, data } }),
    from: (url: unknown) => ({ type: "image", source: { type: "url", url } }),
    body: (part: unknown) => ({ model: "m", max_tokens: 9, messages: [{ role: "user", content: [text, part] }] }),
    at: "messages.0.content.1",
    data: "source.data",
    typeField: "source.media_type",
    url: "source.type",
  },
] as const;

describe.each(ways)("an image at $endpoint", ({ endpoint, part, from, body, at, data, typeField, url }) => {
  const refusal = (given: unknown) => {
    try {
      dialects[endpoint].decode(body(given));
    } catch (error) {
      if (error instanceof NetworkError && "param" in error.failure) return [error.failure.code, error.failure.param];
      throw error;
    }
    return "taken";
  };

  it.each(Object.entries(images))("is read, and refused by name since nothing sees: %s", (type, bytes) => {
    expect(refusal(part(type, bytes))).toEqual(["unsupported", `${at}.type`]);
    expect(refusal(part(type, png(IMAGE_BYTES_MAX - 8)))).toEqual(
      type === "image/png" ? ["unsupported", `${at}.type`] : ["body_invalid", `${at}.${data}`],
    );
  });

  it.each([
    ["no base64", "image/png", "%%%%"],
    ["half of it", "image/png", png().slice(0, -1)],
    ["nothing", "image/png", ""],
    ["other bytes than of its type", "image/png", images["image/jpeg"]],
    ["a text", "image/jpeg", base64("Dear reader, hello.")],
    ["one byte too many", "image/png", png(IMAGE_BYTES_MAX - 7)],
  ])("is a mistake where it is %s", (_, type, bytes) => {
    expect(refusal(part(type, bytes))).toEqual(["body_invalid", `${at}.${data}`]);
  });

  it.each(["image/tiff", "image/svg+xml", "text/plain", "constructor"])("is a mistake of the type %s", (type) => {
    expect(refusal(part(type, png()))).toEqual(["body_invalid", `${at}.${typeField}`]);
  });

  it("is never fetched", () => {
    for (const given of ["https://example.com/a.png", "HTTP://127.0.0.1/a.png"])
      expect(refusal(from(given))).toEqual(["unsupported", `${at}.${url}`]);
  });
});

describe("the images of a request", () => {
  it("have one shape, whatever the dialect", () => {
    const [chat, responses, messages] = ways;
    const forms = [
      [chat.part("image/PNG", png()), chatImage],
      [responses.part("image/png", png()), responsesImage],
      [messages.part("image/png", png()), messagesImage],
    ] as const;
    for (const [part, form] of forms)
      expect(imagesIn([{ content: [text, part] }], "list", form)).toEqual([
        { type: "image/png", base64: png(), path: "list.0.content.1" },
      ]);
  });

  it("are found in results too, and are no more than a bound", () => {
    const part = ways[2].part("image/png", png());
    const results = [{ content: [{ type: "tool_result", content: [part] }] }];
    expect(imagesIn(results, "messages", messagesImage).map(({ path }) => path)).toEqual([
      "messages.0.content.0.content.0",
    ]);
    const many = (count: number) => [{ content: Array.from({ length: count }, () => part) }];
    expect(imagesIn(many(IMAGES_MAX), "messages", messagesImage)).toHaveLength(IMAGES_MAX);
    expect(() => imagesIn(many(IMAGES_MAX + 1), "messages", messagesImage)).toThrow(NetworkError);
  });

  it("have no place in completions, which take text alone", () => {
    const prompt = [{ type: "image_url", image_url: { url: `data:image/png;base64,${png()}` } }];
    expect(() => dialects["/v1/completions"].decode({ model: "m", prompt })).toThrow(NetworkError);
  });
});
