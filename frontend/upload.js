// A small client of tus 1.0: files of one input in pieces, a few at once, that goes on after a break.

import { Problem, declareUpload, deleteInput, fileOffset, sendPiece } from "./api.js";
import { inTurns, patiently } from "./patience.js";

const SMALLEST_PIECE = 2 ** 18;
const LARGEST_PIECE = 8 * 2 ** 20;
const AT_ONCE = 3;

/**
 * @typedef {{name: string, size: number, file: File|null}} Chosen a file, or one that the server has already
 * @typedef {{name: string, size: number, file: File|null, sent: number, url: string|null, done: boolean}} Item
 * @typedef {object} Handle
 * @property {"sending"|"waiting"|"paused"|"done"|"failed"|"cancelled"} state
 * @property {Item[]} items
 * @property {object|null} input as the API tells it, once it is declared
 * @property {object|null} problem why it failed
 * @property {() => void} pause
 * @property {() => void} resume
 * @property {() => Promise<void>} cancel and forget what the server has
 */

/**
 * Send files. The same call again, even in another browser, goes on where the server is.
 *
 * @param {"model"|"dataset"|"log"} kind
 * @param {string} name
 * @param {Chosen[]} files
 * @param {{onProgress?: (handle: Handle) => void}} [listeners] called after every change
 * @returns {Handle}
 */
export function uploadInput(kind, name, files, { onProgress = () => {} } = {}) {
  let stop = new AbortController();
  const items = files.map((file) => ({ ...file, sent: 0, url: null, done: false }));
  const handle = { state: "sending", items, input: null, problem: null };
  const turn = (state, problem = null) => {
    Object.assign(handle, { state, problem });
    onProgress(handle);
  };
  const news = (state = "sending") => stop.signal.aborted || turn(state);

  async function run() {
    stop = new AbortController();
    const { signal } = stop;
    turn("sending");
    try {
      await declare(signal);
      const waiting = items.filter((item) => !item.done);
      await inTurns(waiting, AT_ONCE, (item) => sendFile(item, { signal, news }));
      turn("done");
    } catch (problem) {
      if (signal.aborted) return; // by pause or cancel, which told so
      stop.abort(); // the other files wait, too
      turn("failed", problem);
    }
  }

  async function declare(signal) {
    const declared = items.map((item) => ({ name: item.name, size: item.size }));
    handle.input = await patiently(() => declareUpload(kind, name, declared), { signal, news });
    for (const { name: told, offset, url } of handle.input.uploads ?? []) {
      Object.assign(items.find((item) => item.name === told), { sent: offset, url, done: url === null });
    }
    news();
  }

  handle.pause = () => {
    stop.abort();
    turn("paused");
  };
  handle.resume = run;
  handle.cancel = async () => {
    stop.abort();
    if (handle.input) await deleteInput(`${kind}s`, handle.input.id);
    turn("cancelled");
  };
  run();
  return handle;
}

async function sendFile(item, { signal, news }) {
  if (!item.file) throw new Problem({ code: "file_missing", data: { file: item.name } });
  let unsure = false;
  let size = 4 * SMALLEST_PIECE;
  const step = async () => {
    if (unsure) item.sent = await fileOffset(item.url, signal);
    unsure = true;
    const started = performance.now();
    const piece = item.file.slice(item.sent, item.sent + size);
    item.sent = await sendPiece(item.url, item.sent, piece, await checksum(piece, item), signal);
    unsure = false;
    item.done = item.sent === item.size;
    size = fitting(size, performance.now() - started);
  };
  while (!item.done) {
    await patiently(step, { signal, news }).catch((problem) => {
      if (problem.data?.reason !== "complete") throw problem;
      Object.assign(item, { sent: item.size, done: true });
    });
    news();
  }
}

/** A slow line shows progress by smaller pieces and loses less when it breaks. */
function fitting(size, milliseconds) {
  if (milliseconds < 1000) return Math.min(size * 2, LARGEST_PIECE);
  return milliseconds > 5000 ? Math.max(size / 2, SMALLEST_PIECE) : size;
}

/** Browsers digest only on https and on the machine itself; elsewhere TCP has to do. */
async function checksum(piece, { name }) {
  const data = await piece.arrayBuffer().catch(() => {
    throw new Problem({ code: "file_changed", data: { file: name } });
  });
  if (!globalThis.crypto?.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return `sha256 ${btoa(String.fromCharCode(...digest))}`;
}
