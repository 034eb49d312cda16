// Pictures that an element's attributes name, cut to the size that is drawn. A file of its own in an app, fetched where there
// are such attributes.

import type { InputPicture } from "../picture/input-picture.js";
import type { ModelTakes } from "../pipeline/model-takes.js";
import type { GenerateOptions } from "../pipeline/request.js";
import type { numberAttribute } from "./image-request.js";

/** What a call is told of pictures. */
export interface PicturesIn extends Pick<GenerateOptions, "control"> {
  /** A picture to start from. */
  readonly image?: InputPicture;
  /** What of it to draw anew. */
  readonly mask?: InputPicture;
}

/**
 * Fetches what `image`, `mask-image` and `control-image` name.
 * @param takes what says the size where `height` and `width` do not
 * @param read reads a number; handed over, as this file imports nothing of the element's
 * @throws {TypeError} If one cannot be fetched, or is no picture
 */
export async function attributePictures(
  element: Element,
  { height, width, enlargement }: ModelTakes,
  read: typeof numberAttribute,
): Promise<PicturesIn> {
  const side = (name: "height" | "width", usual: number | undefined) =>
    read(element, name) ?? usual;
  const size = [side("width", width), side("height", height)] as const;
  const small = size.map((one) => one && one / enlargement);
  const picture = async (url: string, [w, h]: OpenSize) => {
    const image = await openPicture(element, url);
    return cut(image, w ?? image.width, h ?? image.height);
  };
  const said = (name: string) => element.getAttribute(name)?.trim() ?? "";
  const image = said("image");
  const mask = said("mask-image");
  const controls = said("control-image").split(/\s+/).filter(Boolean);
  const scale = read(element, "control-scale");
  const control = controls.map(async (url) => ({
    image: await picture(url, size),
    ...(scale !== undefined && { scale }),
  }));
  return {
    ...(image && { image: await picture(image, small) }),
    ...(mask && { mask: await picture(mask, small) }),
    ...(controls.length > 0 && { control: await Promise.all(control) }),
  };
}

type OpenSize = readonly (number | undefined)[];

async function openPicture(
  element: Element,
  url: string,
): Promise<HTMLImageElement> {
  const image = element.ownerDocument.createElement("img");
  // one of another origin whose server lets nobody read it is refused here, not when its pixels are read
  image.crossOrigin = "anonymous";
  image.src = new URL(url, element.baseURI).href;
  try {
    await image.decode();
  } catch (cause) {
    throw new TypeError(
      `Cannot draw from ${image.src} as it must be a picture that the page may read: it is missing, no picture, or another origin's without Access-Control-Allow-Origin`,
      { cause },
    );
  }
  return image;
}

/** The middle of a picture, as much of it as there is room for. */
function cut(
  image: HTMLImageElement,
  width: number,
  height: number,
): InputPicture {
  const canvas = image.ownerDocument.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d")!;
  const scale = Math.max(width / image.width, height / image.height);
  const [w, h] = [width / scale, height / scale];
  const [x, y] = [(image.width - w) / 2, (image.height - h) / 2];
  context.imageSmoothingQuality = "high";
  context.drawImage(image, x, y, w, h, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return { data, width, height };
}
