// Numbers, amounts of time and memory, as people of the page's language write them.

import { language, t } from "./i18n.js";

const MISSING = "–";

export const integer = (value) =>
  value === null || value === undefined ? MISSING : intl("integer").format(value);

/** A score or ratio with a fixed number of decimals, so that columns line up. */
export const score = (value, digits = 3) =>
  value === null || value === undefined ? MISSING : plainMinus(value.toFixed(digits));

/** A number whose size is not known beforehand: three significant digits. */
export const significant = (value) =>
  value === null || value === undefined ? MISSING : intl("significant").format(value);

/** A difference that is hardly there: its size alone matters. */
export function tiny(value) {
  if (value === 0) return "0";
  return Math.abs(value) < 1e-3 ? value.toExponential(1) : significant(value);
}

/** @returns {number|null} the middle of the values that are there */
export function median(values) {
  const sorted = (values ?? []).filter((value) => value !== null).sort((a, b) => a - b);
  return sorted.length ? (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2 : null;
}

export function interval(pair, digits = 3) {
  if (!pair) return "";
  const [low, high] = pair.map((end) => score(end, digits));
  return pair[0] < 0 ? t("range_of", { low, high }) : `${low} – ${high}`; // a dash beside a minus reads badly
}

export const percent = (share) => intl("percent").format(share);

export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), units.length - 1);
  return unit(units[power], count < 1e3 ? 0 : 1).format(count / 1000 ** power);
}

/** An honest estimate is a range. */
export function duration([low, high]) {
  if (high < 1.5) return t("under_a_second");
  const [name, size] = high < 180 ? ["second", 1] : high < 6000 ? ["minute", 60] : ["hour", 3600];
  const digits = name !== "second" && high / size < 10 ? 1 : 0;
  const round = (seconds) => Number((seconds / size).toFixed(digits));
  const [from, to] = [Math.max(round(low), digits ? 0.1 : 1), round(high)];
  const format = unit(name, digits);
  return from >= to ? format.format(to) : format.formatRange(from, to);
}

export function seconds(value) {
  if (value === null || value === undefined) return MISSING;
  return value < 100 ? unit("second", value < 10 ? 1 : 0).format(value) : duration([value, value]);
}

/** An amount of a log: time as hours, minutes or seconds; money in its own currency, if it has one. */
export function amount(measure, value, currency = "") {
  if (measure !== "time") return `${intl(value < 1000 ? "money" : "integer").format(value)} ${currency}`.trim();
  return times([value])(value);
}

/** @param {number[]} values of a column, which then stands in one unit @returns {(seconds: number) => string} */
export function times(values) {
  const most = Math.max(...values);
  const [name, size] = most < 180 ? ["second", 1] : most < 10_800 ? ["minute", 60] : ["hour", 3600];
  const format = unit(name, { maximumSignificantDigits: 3 });
  return (value) => format.format(value / size);
}

/** "3 sec. ago" */
export function age(value) {
  const [name, size] = value < 100 ? ["second", 1] : value < 6000 ? ["minute", 60] : ["hour", 3600];
  return relative().format(-Math.round(value / size), name);
}

export function moment(text) {
  if (!text) return MISSING;
  const options = { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(language(), options).format(new Date(text));
}

const FORMATS = {
  integer: { maximumFractionDigits: 0 },
  significant: { maximumSignificantDigits: 3, minimumSignificantDigits: 3 },
  money: { maximumSignificantDigits: 4 },
  percent: { style: "percent", maximumFractionDigits: 1 },
};

const intl = (name) => new Intl.NumberFormat(language(), FORMATS[name]);
const relative = () => new Intl.RelativeTimeFormat(language(), { style: "short" });
const plainMinus = (text) => text.replace("-", "−");

/** @param {number|object} digits after the point, or what Intl takes instead */
function unit(name, digits) {
  const short = name === "byte" ? "long" : "short"; // "598 byte" is no English
  const unitDisplay = language() === "ja" && !name.endsWith("byte") ? "long" : short;
  return new Intl.NumberFormat(language(), {
    style: "unit",
    unit: name,
    unitDisplay,
    ...(typeof digits === "number" ? { maximumFractionDigits: digits } : digits),
  });
}
