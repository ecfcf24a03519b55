// The heat map of pairs with its switches.

import { h, fill, changed, keepingFocus, switches } from "../dom.js";
import { t } from "../i18n.js";
import { SCORES, SPLITS_OF, hasScore, shownView } from "../scores.js";
import { update } from "../state.js";

/** @param {HTMLElement} element the place of the switches @param {import("../state.js").State} state */
export function render(element, state) {
  const { lang, result } = state;
  const shown = shownView(state);
  const there = SCORES.filter((s) => !result || hasScore(result, s));
  if (!changed(element, shown, there, lang)) return;
  keepingFocus(element, () =>
    fill(element, scoreSwitch(shown, there), splitSwitch(shown), scaleSwitch(shown)),
  );
}

function scoreSwitch({ score }, there) {
  return switches({
    label: t("score"),
    current: score,
    choose: (value) => update({ score: value }),
    options: SCORES.map((value) => ({
      value,
      text: t(`score_${value}`),
      disabled: !there.includes(value),
      why: there.includes(value) ? t(`score_${value}_why`) : t("score_later"),
    })),
  });
}

function splitSwitch({ score, split }) {
  return switches({
    label: t("split"),
    current: SPLITS_OF[score].length > 1 || score === "update" ? split : "",
    choose: (value) => update({ split: value }),
    options: ["heldout", "adjusted", "fit"].map((value) => {
      const possible = score === "stream" || (score === "update" && value === "heldout");
      return {
        value,
        text: t(`split_${value}`),
        disabled: !possible,
        why: possible ? t(`split_${value}_why`) : t("split_none"),
      };
    }),
  });
}

function scaleSwitch({ score, scale }) {
  const on = scale === "log";
  return h(
    "div",
    { class: "switches", role: "group", "aria-label": t("scale") },
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(on),
        disabled: score === "angular",
        title: score === "angular" ? t("scale_none") : t("scale_log_why"),
        on: { click: () => update({ scale: on ? "linear" : "log" }) },
      },
      t("scale_log"),
    ),
  );
}
