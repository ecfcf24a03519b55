// What a measurement will take, before anything is queued.

import { addresses } from "../api.js";
import { h } from "../dom.js";
import { bytes, duration, integer } from "../format.js";
import { t, tOr } from "../i18n.js";

const WRITTEN = 2; // a folder is written once more while it is tried whether it saves again

/** A linearity run reads its tokens once; the others fit on some and measure on others; a speed run repeats its own. */
function tokensText({ tokens, fit_tokens: fit, select_tokens: select, report_tokens: report, split, batches, pairs }) {
  if (batches !== undefined) return t("speed_asked", { loads: batches.map(integer).join(", "), pairs: integer(pairs) });
  if (tokens !== undefined) return t("tokens", { tokens: integer(tokens) });
  return t("tokens_fit_and_scored", { fit: integer(fit), scored: integer(split === "report" ? report : select) });
}

/**
 * @param {{id: string, exists: string|null, params: object, estimate: object, warnings: object[]}} answer
 * @returns {HTMLElement[]}
 */
export function estimateLines({ id, exists, params, estimate, warnings }) {
  const known = { finished: "exists_finished", running: "exists_running", queued: "exists_queued" }[exists];
  const streams = estimate.mode === "streaming";
  const { seconds, memory_bytes: memory, disk_bytes: disk } = streams ? estimate.streaming : estimate;
  const facts = [
    tokensText(params),
    seconds && t("estimate_time", { range: duration(seconds) }),
    t("estimate_memory", { size: bytes(memory) }),
    params.max_shard_bytes && t("estimate_folder", { size: bytes(disk / WRITTEN) }),
    streams && t("estimate_scratch", { size: bytes(disk) }),
    estimate.pairs && t(`pairs_${estimate.pairs}`),
  ];
  return [
    h("p", {}, facts.filter(Boolean).join(" · ")),
    streams && h("p", { class: "quiet" }, t("estimate_streams", { size: bytes(estimate.memory_bytes) })),
    known && h("p", { class: "exists" }, `${t(known)} `, h("a", { href: addresses.run(id) }, t("open_run"))),
    ...(warnings ?? []).map(({ code, message, data }) =>
      h("p", { class: "warning-line" }, tOr(`warning_${code}`, message, data)),
    ),
  ];
}
