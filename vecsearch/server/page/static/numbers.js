// Vectors and small pictures as text that an address can hold.
//
// A vector: base64url of its largest value as float32, then each as a share of it in steps of
// 1/32767. 1,280 numbers take 3,419 characters, and distances change by 0.00002 of themselves.
const STEPS = 32767;

export function toText(vector) {
  const most = vector.reduce((high, value) => Math.max(high, Math.abs(value)), 0) || 1;
  const bytes = new DataView(new ArrayBuffer(4 + 2 * vector.length));
  bytes.setFloat32(0, most, true);
  const kept = bytes.getFloat32(0, true);
  vector.forEach((value, i) => {
    const share = Math.max(-STEPS, Math.min(STEPS, Math.round(value / kept * STEPS)));
    bytes.setInt16(4 + 2 * i, share, true);
  });
  return toBase64(new Uint8Array(bytes.buffer));
}

export function toVector(text) {
  const bytes = new DataView(fromBase64(text).buffer), most = bytes.getFloat32(0, true);
  return Array.from({ length: (bytes.byteLength - 4) / 2 },
    (_, i) => bytes.getInt16(4 + 2 * i, true) / STEPS * most);
}

export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), char => char.charCodeAt(0));
}
