// Files on their way: how far each and all of them are, how fast, how long still; pause and go on.

import { fill, h, keepingFocus } from "../dom.js";
import { bytes, duration, percent } from "../format.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

const WINDOW_MS = 10_000;
const REDRAW_MS = 200;

/**
 * @param {{cancelled?: () => void}} [listeners]
 * @returns {{element: HTMLElement, show: (handle: import("../upload.js").Handle) => void,
 *   redraw: (handle: import("../upload.js").Handle) => void}}
 *   `show` is what `uploadInput` takes as `onProgress`; `redraw` says the same in another language
 */
export function uploadList({ cancelled = () => {} } = {}) {
  const element = h("div", { class: "upload-list" });
  const status = h("p", { class: "upload-status", role: "status" });
  const parts = { total: h("div"), buttons: h("div", { class: "controls" }), rows: h("ul", { class: "upload-rows" }), problem: h("div") };
  const speed = speedometer();
  let drawn = { at: 0, state: "" };
  let later = 0;
  fill(element, status, parts.total, parts.buttons, parts.problem, parts.rows);
  const draw = (handle) => {
    drawn = { at: performance.now(), state: handle.state };
    const sum = total(handle);
    const words = t(`upload_${handle.state}`, { share: percent(Math.floor(sum.share * 1000) / 1000) });
    if (status.textContent !== words) fill(status, words);
    fill(parts.total, bar(sum, t("upload_all")), h("p", { class: "quiet" }, figures(handle, sum, speed(sum.sent))));
    keepingFocus(parts.buttons, () => fill(parts.buttons, buttons(handle, cancelled)));
    fill(parts.problem, handle.problem && problemText(handle.problem));
    fill(parts.rows, handle.items.map(row));
  };
  const show = (handle) => {
    clearTimeout(later);
    const wait = REDRAW_MS - (performance.now() - drawn.at);
    if (handle.state !== drawn.state || wait <= 0) draw(handle);
    else later = setTimeout(() => draw(handle), wait);
  };
  return { element, show, redraw: draw };
}

/** A list that cannot go on by itself: what the server has of files that this page does not hold. */
export const waitingRows = (uploads) =>
  h("ul", { class: "upload-rows" }, uploads.map(({ name, size, offset }) => row({ name, size, sent: offset })));

const total = ({ items }) => {
  const sent = items.reduce((sum, item) => sum + item.sent, 0);
  const size = items.reduce((sum, item) => sum + item.size, 0);
  return { sent, size, share: size ? sent / size : 0 };
};

function figures({ state }, { sent, size }, rate) {
  const parts = [t("upload_bytes", { sent: bytes(sent), size: bytes(size) })];
  if (state === "sending" && rate > 0) {
    const left = (size - sent) / rate;
    parts.push(t("upload_rate", { rate: bytes(rate) }), t("upload_left", { time: duration([left * 0.9, left * 1.2]) }));
  }
  return parts.join(" · ");
}

function row({ name, size, sent }) {
  return h(
    "li",
    {},
    h("span", { class: "upload-name" }, name),
    h("span", { class: "quiet" }, sent === size ? `${bytes(size)} ✓` : t("upload_bytes", { sent: bytes(sent), size: bytes(size) })),
    bar({ sent, size }, name),
  );
}

const bar = ({ sent, size }, label) =>
  h("progress", { value: String(sent), max: String(Math.max(size, 1)), "aria-label": label });

function buttons(handle, cancelled) {
  const button = (name, click, kind = "") =>
    h("button", { type: "button", class: kind, on: { click } }, t(`upload_${name}_button`));
  const cancel = async () => {
    try {
      await handle.cancel();
      cancelled();
    } catch (problem) {
      Object.assign(handle, { problem });
    }
  };
  const running = ["sending", "waiting"].includes(handle.state);
  const stopped = ["paused", "failed"].includes(handle.state);
  return [
    running && button("pause", handle.pause),
    stopped && button("resume", handle.resume, "primary"),
    (running || stopped) && button("cancel", cancel),
  ];
}

/** Bytes a second over the last seconds. */
function speedometer() {
  const seen = [];
  return (sent) => {
    const now = performance.now();
    seen.push({ now, sent });
    while (seen.length > 2 && now - seen[0].now > WINDOW_MS) seen.shift();
    const [first] = seen;
    return now > first.now ? (1000 * (sent - first.sent)) / (now - first.now) : 0;
  };
}
