/** Classes of the runtime by their names. */
interface Classes {
  ArrayBuffer: ArrayBuffer;
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Blob: Blob;
  File: File;
  URL: URL;
  HTMLImageElement: HTMLImageElement;
  ImageBitmap: ImageBitmap;
  OffscreenCanvas: OffscreenCanvas;
  VideoFrame: VideoFrame;
}

/**
 * Whether a value is an instance of one of these classes, whatever realm made it. A frame of a page, jsdom, Jest and
 * Node's `vm` have classes of their own, and `instanceof` denies their instances.
 */
export function isA<Name extends keyof Classes>(value: unknown, ...names: Name[]): value is Classes[Name] {
  return names.includes(Object.prototype.toString.call(value).slice(8, -1) as Name);
}
