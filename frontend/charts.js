// The only module that touches Plotly. Figures come from Python; the page adds the selection.

import { addresses } from "./api.js";

const CONFIG = { showSendToCloud: false, displaylogo: false, displayModeBar: false, responsive: true };
const EXPORT_SCALE = 2;
const EVALUATE_AFTER_MS = 1500;
const TITLE_PLACE = { x: 0.02, xanchor: "left", y: 0.98, yanchor: "top" };
const SIZES = { heatmap: [900, 940], profile: [1200, 620], norms: [1200, 420] };

const JAPANESE = {
  moduleType: "locale",
  name: "ja",
  dictionary: {
    "Autoscale": "自動スケール",
    "Box Select": "矩形選択",
    "Double-click to zoom back out": "ダブルクリックで元の表示に戻ります",
    "Download plot as a PNG": "PNG で保存",
    "Lasso Select": "投げ縄選択",
    "Pan": "移動",
    "Reset axes": "軸を元に戻す",
    "Zoom": "拡大",
    "Zoom in": "拡大",
    "Zoom out": "縮小",
  },
  format: {
    days: ["日曜日", "月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日"],
    shortDays: ["日", "月", "火", "水", "木", "金", "土"],
    months: Array.from({ length: 12 }, (_, month) => `${month + 1}月`),
    shortMonths: Array.from({ length: 12 }, (_, month) => `${month + 1}月`),
    date: "%Y/%m/%d",
  },
};

/** @type {Promise<object>|null} */
let library = null;

/** Begin to fetch Plotly; it is evaluated only after the frame and the table were painted. */
export function preload() {
  const link = document.createElement("link");
  Object.assign(link, { rel: "preload", as: "script", href: addresses.plotly() });
  document.head.append(link);
  // A page that waits for its numbers evaluates it while nobody waits; `draw` tells of a failure.
  setTimeout(() => load().catch(() => {}), EVALUATE_AFTER_MS);
}

/**
 * Draw a figure, or update the one that is there.
 *
 * @param {HTMLElement} element
 * @param {{data: object[], layout: object}} figure as Python made it
 * @param {{shapes?: object[], lang: string, choose?: (point: {x: number, y: number}) => void}} options
 */
export async function draw(element, figure, { shapes = [], lang, choose }) {
  const plotly = await load();
  const layout = { ...figure.layout, shapes };
  await plotly.react(element, figure.data, layout, { ...CONFIG, locale: lang });
  if (choose) {
    element.removeAllListeners("plotly_click");
    element.on("plotly_click", ({ points }) => choose({ x: points[0].x, y: points[0].y }));
  }
  element.dataset.drawn = "true";
}

/** Make room where a figure was. */
export function erase(element) {
  window.Plotly.purge(element);
  delete element.dataset.drawn;
}

/** Mark a selected cell of the heat map: a frame on it, and hair lines to its row and column number. */
export function cellShapes(pair, { layout }) {
  if (!pair) return [];
  const { theme } = layout.meta;
  const { from, to } = pair;
  const frame = { type: "rect", x0: to - 0.5, x1: to + 0.5, y0: from - 0.5, y1: from + 0.5 };
  const line = { type: "line", layer: "above", line: { color: theme.accent, width: 1.5, dash: "dot" } };
  return [
    { ...line, x0: layout.xaxis.range[0], x1: to - 0.5, y0: from, y1: from },
    { ...line, x0: to, x1: to, y0: layout.yaxis.range[0], y1: from + 0.5 },
    { ...frame, line: { color: theme.paper, width: 5 } },
    { ...frame, line: { color: theme.accent, width: 2.5 } },
  ];
}

/** Mark the blocks between two states in a profile. */
export function blockShapes(pair, { layout }) {
  if (!pair) return [];
  const { theme } = layout.meta;
  const span = { x0: pair.from - 0.5, x1: pair.to - 0.5, yref: "paper", y0: 0, y1: 1 };
  const line = { color: theme.accent, width: 1 };
  return [{ type: "rect", layer: "below", ...span, fillcolor: theme.accent, opacity: 0.14, line }];
}

/** @returns {Promise<string>} a data address of the picture, with its caption as a title */
export async function picture(figure, { format, name }) {
  const plotly = await load();
  const [width, height] = SIZES[name];
  const { margin, meta, font } = figure.layout;
  const layout = {
    ...figure.layout,
    margin: { ...margin, t: margin.t + 40, l: margin.l + 12, b: margin.b + 8 },
    title: { text: meta.caption, font: { ...font, size: 14 }, ...TITLE_PLACE },
  };
  return plotly.toImage({ data: figure.data, layout }, { format, width, height, scale: EXPORT_SCALE });
}

function load() {
  library ??= afterPaint().then(fetchLibrary);
  return library;
}

async function fetchLibrary() {
  const script = document.createElement("script");
  script.src = addresses.plotly();
  const loaded = new Promise((resolve, reject) => {
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error("chart_library")));
  });
  document.head.append(script);
  await loaded;
  window.Plotly.register(JAPANESE);
  return window.Plotly;
}

function afterPaint() {
  return new Promise((resolve) => {
    // Hidden tabs get no animation frames.
    if (document.hidden) resolve();
    else requestAnimationFrame(() => setTimeout(resolve));
  });
}
