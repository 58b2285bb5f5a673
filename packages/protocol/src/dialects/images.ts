import { ourWords } from "../ids.ts";
import { fieldOf, invalid, unsupported } from "./fields.ts";

/** Images of one request, and the bytes of each: the real APIs take as large ones. */
export const IMAGES_MAX = 100;
export const IMAGE_BYTES_MAX = 5 * 1024 * 1024;

const beginnings = {
  "image/png": /^\x89PNG\r\n/,
  "image/jpeg": /^\xff\xd8\xff/,
  "image/gif": /^GIF8[79]a/,
  "image/webp": /^RIFF[^]{4}WEBP/,
} as const;
export type ImageType = keyof typeof beginnings;
const isImageType = (text: string): text is ImageType => Object.hasOwn(beginnings, text);

/** An image as an engine that sees would be given it, whatever the dialect. */
export interface Image {
  readonly type: ImageType;
  readonly base64: string;
  /** Of the part that holds it: fixed words and places. */
  readonly path: string;
}

/** Where a dialect writes an image: the part's `type`, and what is read of the part. */
export interface ImageForm {
  readonly partType: string;
  /** @throws NetworkError naming the field */
  readonly read: (part: object, path: string) => Image;
}

const typeWords = ourWords`expected image/png, image/jpeg, image/gif or image/webp`;
const dataWords = ourWords`expected the bytes of an image of that type, at most ${IMAGE_BYTES_MAX}, in base64`;
const urlWords = ourWords`expected a data: URL of an image in base64`;
const notFetched = ourWords`images are not fetched from elsewhere; send their bytes`;
const noneSees = ourWords`the models served here read text alone, no images, audio or files`;

/** Of chat: `{"type": "image_url", "image_url": {"url": "data:…"}}`. */
export const chatImage: ImageForm = {
  partType: "image_url",
  read: (part, path) => fromUrl(fieldOf(fieldOf(part, "image_url"), "url"), path, `${path}.image_url.url`),
};
/** Of Responses: `{"type": "input_image", "image_url": "data:…"}`. */
export const responsesImage: ImageForm = {
  partType: "input_image",
  read: (part, path) => fromUrl(fieldOf(part, "image_url"), path, `${path}.image_url`),
};
/** Of Messages: `{"type": "image", "source": {"type": "base64", "media_type": …, "data": …}}`. */
export const messagesImage: ImageForm = {
  partType: "image",
  read(part, path) {
    const source = fieldOf(part, "source");
    const kind = fieldOf(source, "type");
    if (kind === "url" || kind === "file") throw unsupported(`${path}.source.type`, notFetched);
    if (kind !== "base64") throw invalid(`${path}.source.type`, ourWords`expected 'base64'`);
    const type = fieldOf(source, "media_type");
    if (typeof type !== "string" || !isImageType(type)) throw invalid(`${path}.source.media_type`, typeWords);
    return checked(type, fieldOf(source, "data"), path, `${path}.source.data`);
  },
};

/**
 * Reads every image of a conversation, in the places where parts may stand, and refuses them: no engine here sees. One
 * that is no image is told so first.
 *
 * @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent
 */
export function refuseImages(conversation: unknown, field: string, form: ImageForm): void {
  const [first] = imagesIn(conversation, field, form);
  if (first) throw unsupported(`${first.path}.type`, noneSees);
}

export function imagesIn(conversation: unknown, field: string, form: ImageForm): readonly Image[] {
  const images: Image[] = [];
  const parts = (list: unknown, path: string, depth: number): void => {
    if (!Array.isArray(list)) return;
    for (const [at, part] of list.entries()) {
      if (typeof part !== "object" || part === null) continue;
      const place = `${path}.${at}`;
      if (fieldOf(part, "type") === form.partType) images.push(form.read(part, place));
      if (images.length > IMAGES_MAX) throw invalid(field, ourWords`expected at most ${IMAGES_MAX} images`);
      // A message's parts, and those of a result among them.
      if (depth > 0)
        for (const inner of ["content", "output"]) parts(fieldOf(part, inner), `${place}.${inner}`, depth - 1);
    }
  };
  parts(conversation, field, 2);
  return images;
}

function fromUrl(url: unknown, path: string, param: string): Image {
  if (typeof url !== "string") throw invalid(param, urlWords);
  if (/^https?:/i.test(url)) throw unsupported(param, notFetched);
  // Nothing of the data is looked at before it is known to be data.
  const { type, data } = /^data:(?<type>[^;,]{1,64});base64,(?<data>[^]*)$/i.exec(url)?.groups ?? {};
  if (type === undefined || data === undefined) throw invalid(param, urlWords);
  const named = type.toLowerCase();
  if (!isImageType(named)) throw invalid(param, typeWords);
  return checked(named, data, path, param);
}

function checked(type: ImageType, data: unknown, path: string, param: string): Image {
  if (typeof data !== "string" || data === "" || data.length % 4 !== 0) throw invalid(param, dataWords);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(data)) throw invalid(param, dataWords);
  const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0;
  if ((data.length / 4) * 3 - padding > IMAGE_BYTES_MAX) throw invalid(param, dataWords);
  if (!beginnings[type].test(atob(data.slice(0, 16)))) throw invalid(param, dataWords);
  return { type, base64: data, path };
}
