// The only module that touches Plotly. Figures come from Python; the page adds the selection.

import { addresses } from "./api.js";
import { CONFIG } from "./chart_config.js";
import { JAPANESE } from "./plotly_japanese.js";

const EXPORT_SCALE = 2;
const EVALUATE_AFTER_MS = 1500;
const TITLE_PLACE = { x: 0.02, xanchor: "left", y: 0.98, yanchor: "top" };
const SIZES = {
  heatmap: [900, 940],
  profile: [1200, 620],
  norms: [1200, 420],
  token_classes: [1200, 480],
  sample_sizes: [1000, 480],
  token_errors: [1200, 560],
  passage: [1400, 640],
  speedups: [1000, 560],
  costs: [1200, 560],
  task_scores: [1000, 480],
  task_differences: [1000, 480],
  curve: [1200, 640],
  damage: [1200, 520],
  interaction: [800, 840],
  scores: [1200, 460],
  documents: [1200, 480],
  categories: [1000, 560],
  pareto: [1200, 480],
  hours: [900, 420],
  lengths: [900, 420],
};
const NARROW = matchMedia("(max-width: 640px)");

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

/** Whether figures are drawn as for a phone; Python says what differs then (`layout.meta.narrow`). */
export const isNarrow = () => NARROW.matches;

/** @param {() => void} redraw called when the page becomes narrow or wide */
export const onNarrow = (redraw) => NARROW.addEventListener("change", redraw);

/**
 * @typedef {{x: number, y: number, data: unknown, line: object|undefined}} Point
 *
 * Draw a figure, or update the one that is there.
 *
 * @param {HTMLElement} element
 * @param {{data: object[], layout: object}} figure as Python made it
 * @param {{shapes?: object[], lang: string, choose?: (point: Point) => void}} options
 */
export async function draw(element, figure, { shapes = [], lang, choose }) {
  const plotly = await load();
  const layout = { ...figure.layout, ...(isNarrow() ? figure.layout.meta.narrow : {}), shapes };
  await plotly.react(element, figure.data, layout, { ...CONFIG, locale: lang });
  if (choose) {
    element.removeAllListeners("plotly_click");
    element.on("plotly_click", ({ points: [{ x, y, customdata, data }] }) =>
      choose({ x, y, data: customdata, line: data.meta }),
    );
  }
  element.dataset.drawn = "true";
}

/** Make room where a figure was. */
export function erase(element) {
  window.Plotly.purge(element);
  delete element.dataset.drawn;
}

/** @returns {Promise<string>} a data address of the picture, with its caption as a title */
export async function picture(figure, { format, name }) {
  const plotly = await load();
  const [width, height] = SIZES[name];
  const { margin, meta, font } = figure.layout;
  const layout = {
    ...figure.layout,
    margin: { ...margin, t: margin.t + 40, l: margin.l + 12, b: margin.b + 8 }, // as on a wide page
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
