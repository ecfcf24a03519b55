// The numbers of a `speed` run as words: ratios, what they hold for, seconds people can read.

import { h } from "../dom.js";
import { bytes, integer, interval, score, significant } from "../format.js";
import { t } from "../i18n.js";

const MISSING = "–";
export const THROUGHPUT = "tokens_per_s";

export const timingOf = (point, metric) => point.timings.find((timing) => timing.metric === metric) ?? null;

/** "× 1.25"; a dash without a ratio. */
export const ratio = (speedup) => (speedup ? `× ${score(speedup.value, 2)}` : MISSING);
const ratioRange = (speedup) => (speedup?.ci95 ? t("speed_interval", { range: interval(speedup.ci95, 2) }) : MISSING);

/** Seconds as milliseconds, throughput as it is. */
export function amountOf(metric, value) {
  if (value === null || value === undefined) return MISSING;
  return metric === THROUGHPUT ? significant(value) : t("milliseconds", { value: significant(1000 * value) });
}

/** Tokens per second at every load, large; the interval beside each that has one. */
export function ratioNumbers(points) {
  const shown = points.map((point) => [point.load, timingOf(point, THROUGHPUT)?.speedup]).filter(([, found]) => found);
  const number = ([load, speedup]) =>
    h(
      "div",
      {},
      h("dt", {}, t("key_speedup_at", { load: integer(load) })),
      h("dd", {}, h("strong", {}, ratio(speedup)), speedup.ci95 && h("span", { class: "quiet" }, ratioRange(speedup))),
    );
  return h("dl", { class: "key-numbers" }, shown.map(number));
}

/** Engine, device, type, lengths and pairs: printed with every block of numbers. */
export function conditions({ engine, lengths, points, warmup }) {
  const pairs = points?.[0]?.timings[0]?.speedup?.pairs;
  const facts = [
    engine.software,
    engine.device_name ?? engine.device,
    engine.dtype,
    engine.threads && t("speed_threads", { count: engine.threads }),
    lengths.prompt_tokens && t("speed_lengths", { prompt: integer(lengths.prompt_tokens), answer: integer(lengths.new_tokens) }),
    lengths.records > 0 && t("speed_of_records", { count: integer(lengths.records) }),
    pairs > 1 && t("speed_pairs_line", { pairs: integer(pairs), warmup: integer(warmup ?? 0) }),
  ];
  return facts.filter(Boolean).join(" · ");
}

/** @returns {string} the largest load as a sentence */
export function sentence({ points }) {
  const last = points.at(-1);
  return t("speed_ratio_measured", { ratio: ratio(timingOf(last, THROUGHPUT)?.speedup), load: integer(last.load) });
}

export const sizeOf = (count) => (count === null || count === undefined ? MISSING : bytes(count));
