// What a model is and what it would need here, before anything of it is fetched or queued.

import { h } from "../dom.js";
import { bytes, duration, integer } from "../format.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

/**
 * @param {object} model as the API looks at it, from the hub or from a folder
 * @param {string} title
 * @param {...Node} actions
 * @returns {HTMLElement}
 */
export function preflightCard(model, title, ...actions) {
  const facts = [
    [t("preflight_model"), sizeText(model)],
    [t("preflight_download"), downloadText(model)],
    [t("preflight_memory"), model.estimate && bytes(model.estimate.memory_bytes)],
    [t("preflight_fits"), model.estimate && fitsText(model.estimate)],
    [t("preflight_time"), model.estimate && timeText(model.estimate)],
    [t("preflight_licence"), model.licence],
    [t("preflight_commit"), model.commit && h("code", { title: model.commit }, model.commit.slice(0, 12))],
  ].filter(([, value]) => value);
  return h(
    "div",
    { class: "preflight" },
    h("h3", { tabindex: "-1" }, title),
    model.origin === "cache" && h("p", { class: "warning-line" }, t("preflight_from_cache")),
    model.gated && model.usable && h("p", { class: "quiet" }, t("preflight_gated_open")),
    h("dl", { class: "numbers" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    model.reasons.map(reason),
    actions,
  );
}

const reason = ({ code, message, next_step: step }) =>
  problemText({ code: "rejected_input", message, nextStep: step, data: { reason: code } });

/** Short: "134.5 M parameters". */
export const millions = (count) => t("millions_of_parameters", { count: integer(count / 1e6) });

export function sizeText({ parameters, blocks, width, family, dtype }) {
  const parts = [
    parameters && millions(parameters),
    blocks && width && t("blocks_by_width", { blocks, width: integer(width) }),
    dtype,
    family,
  ];
  return parts.filter(Boolean).join(" · ");
}

function downloadText({ download_bytes: missing, weight_bytes: weights, files }) {
  if (!files) return weights ? t("preflight_on_disk", { size: bytes(weights) }) : null;
  return missing > 0 ? bytes(missing) : t("preflight_nothing_to_fetch");
}

function timeText({ seconds, tokens, pairs, measured_speed: measured }) {
  const range = t("estimate_time", { range: duration(seconds) });
  const what = `${t("tokens", { tokens: integer(tokens) })} · ${t(`pairs_${pairs}`)}`;
  return [range, h("br"), h("span", { class: "quiet" }, `${what} · ${t(measured ? "speed_measured" : "speed_guessed")}`)];
}

function fitsText({ devices, server_memory_bytes: memory, memory_bytes: needed }) {
  if (devices.length === 0) {
    const known = t(needed <= memory ? "fits_server" : "fits_not_server", { size: bytes(memory) });
    return `${t("device_unknown")} ${known}`;
  }
  return h("ul", { class: "plain" }, devices.map((device) => h("li", {}, deviceText(device))));
}

function deviceText({ name, memory_bytes: memory, fits, mode }) {
  if (fits === null) return t("device_without_size", { name });
  if (mode === "streaming") return t("device_streams", { name, size: bytes(memory) });
  return t(fits ? "device_fits" : "device_too_small", { name, size: bytes(memory) });
}
