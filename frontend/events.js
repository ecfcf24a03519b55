// News about runs: server-sent events, and polling for as long as those do not come.

import { addresses, isShared } from "./api.js";

const POLL_INTERVAL_MS = 2000;
const KINDS = ["status", "progress", "partial", "log", "heartbeat"];

/**
 * Follow runs until `close` is called. EventSource reconnects by itself and sends Last-Event-ID,
 * so nothing is missed; until it is open, and while it is down, `poll` is called every two seconds.
 * A share link has no events of its own: its page only polls, so a withdrawn link ends at once.
 *
 * @param {string[]} runs
 * @param {{event: (kind: string, data: object) => void, poll: () => Promise<void>}} handlers
 * @returns {{close: () => void}}
 */
export function follow(runs, { event, poll }) {
  let timer = 0;
  let closed = false;
  const source = isShared ? null : new EventSource(addresses.events(runs));

  const stopPolling = () => {
    clearTimeout(timer);
    timer = 0;
  };
  const keepPolling = async () => {
    await poll();
    if (!closed && timer) timer = setTimeout(keepPolling, POLL_INTERVAL_MS);
  };
  const startPolling = () => {
    if (!timer && !closed) timer = setTimeout(keepPolling, POLL_INTERVAL_MS);
  };

  for (const kind of KINDS) {
    source?.addEventListener(kind, (message) => {
      stopPolling();
      event(kind, JSON.parse(message.data));
    });
  }
  source?.addEventListener("open", stopPolling);
  source?.addEventListener("error", startPolling);
  startPolling();

  const close = () => {
    closed = true;
    stopPolling();
    source?.close();
  };
  // An open stream would keep the page out of the back-forward cache and hold a connection.
  addEventListener("pagehide", close, { once: true });
  return { close };
}
