/**
 * One-channel PNG by hand, so that no canvas, color profile or smoothing ever touches an id.
 * Writes gray of 8 or 16 bits; reads gray and palette (the indices) of 1 to 16 bits, not interlaced.
 */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

async function through(stream, bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

/** Compress as zlib does. */
export const deflate = (bytes) => through(new CompressionStream("deflate"), bytes);

/** Decompress what zlib compressed. */
export const inflate = (bytes) => through(new DecompressionStream("deflate"), bytes);

function chunk(kind, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** Encode ids (row by row) as a gray PNG: 8 bits, or 16 where an id is over 255. */
export async function encodePng(ids, width, height) {
  const deep = ids.some((id) => id > 255);
  const stride = width * (deep ? 2 : 1) + 1;
  const raw = new Uint8Array(stride * height);
  for (let n = 0; n < ids.length; n++) {
    const at = Math.floor(n / width) * stride + 1 + (n % width) * (deep ? 2 : 1);
    if (deep) [raw[at], raw[at + 1]] = [ids[n] >> 8, ids[n] & 255];
    else raw[at] = ids[n];
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = deep ? 16 : 8;
  const parts = [chunk("IHDR", header), chunk("IDAT", await deflate(raw)), chunk("IEND", new Uint8Array())];
  return new Uint8Array(await new Blob([Uint8Array.from(SIGNATURE), ...parts]).arrayBuffer());
}

/** What a PNG says of itself: {width, height, depth, color, interlaced}; null if the bytes are no PNG. */
export function pngHeader(bytes) {
  if (bytes.length < 33 || SIGNATURE.some((byte, n) => bytes[n] !== byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20), depth: bytes[24], color: bytes[25], interlaced: bytes[28] > 0 };
}

/** Decode a gray or palette PNG to its numbers: {width, height, ids: Uint16Array}. */
export async function decodePng(bytes) {
  const header = pngHeader(bytes);
  if (!header || ![0, 3].includes(header.color) || header.interlaced) throw new Error("this is no one-channel PNG");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const data = [];
  for (let at = 8; at + 8 <= bytes.length; at += view.getUint32(at) + 12) {
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IDAT") data.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const raw = await inflate(await new Blob(data).arrayBuffer());
  return { width: header.width, height: header.height, ids: samples(unfilter(raw, header), header) };
}

/** Undo the filters of PNG (specification, 9.2), in place; rows keep their filter byte. */
function unfilter(raw, { width, height, depth }) {
  const step = Math.max(1, depth >> 3);
  const stride = Math.ceil((width * depth) / 8) + 1;
  for (let y = 0; y < height; y++) {
    for (let x = 1, at = y * stride + 1; x < stride; x++, at++) {
      const left = x > step ? raw[at - step] : 0;
      const up = y ? raw[at - stride] : 0;
      const corner = y && x > step ? raw[at - stride - step] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][raw[y * stride]];
      raw[at] = (raw[at] + guess) & 255;
    }
  }
  return raw;
}

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function samples(raw, { width, height, depth }) {
  const stride = Math.ceil((width * depth) / 8) + 1;
  return Uint16Array.from({ length: width * height }, (_, n) => {
    const [row, x] = [Math.floor(n / width) * stride + 1, n % width];
    if (depth === 16) return (raw[row + 2 * x] << 8) | raw[row + 2 * x + 1];
    const shift = 8 - depth - ((x * depth) & 7);
    return (raw[row + ((x * depth) >> 3)] >> shift) & ((1 << depth) - 1);
  });
}

/** Bytes as base64. */
export function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Base64 as bytes. */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
