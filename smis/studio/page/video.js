/** Pictures as a video, written by the browser itself: MP4 (H.264) where it can, else WebM; no codec comes with the studio. */

import { el } from "./dom.js";

const KINDS = [
  ["mp4", "video/mp4;codecs=avc1.42E01F"],
  ["webm", "video/webm;codecs=vp9"],
  ["webm", "video/webm;codecs=vp8"],
];
const FRAME_MS = 80;
const SMALLEST = 512; // pixels of the shorter side: players enlarge small videos badly, and codecs halve the resolution of color
const BITS_PER_SECOND = 8e6;

/** What this browser can write, as [ending, type]; undefined if nothing. */
export const videoKind = () => KINDS.find(([, type]) => globalThis.MediaRecorder?.isTypeSupported(type));

/** Record images, there and back; resolves to {blob, ending}. It takes as long as the video is. */
export async function recordVideo(images) {
  const kind = videoKind();
  if (!kind) throw new Error("this browser writes no video; save a GIF or WebP");
  const [ending, mimeType] = kind;
  const [{ width, height }] = images;
  const scale = Math.max(1, Math.ceil(SMALLEST / Math.min(width, height)));
  const canvas = el("canvas", { width: width * scale, height: height * scale });
  const context = canvas.getContext("2d");
  const stream = canvas.captureStream(0);
  const recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITS_PER_SECOND });
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const stopped = new Promise((resolve, reject) => {
    recorder.addEventListener("stop", resolve);
    recorder.addEventListener("error", () => reject(new Error("the browser stopped recording; save a GIF or WebP")));
  });
  recorder.start();
  for (const image of [...images, ...images.slice(1, -1).reverse(), images[0]]) {
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    stream.getVideoTracks()[0].requestFrame();
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
  }
  recorder.stop();
  await stopped;
  return { blob: new Blob(parts, { type: mimeType }), ending };
}
