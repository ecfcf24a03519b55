// The heat map of pairs with its switches.

import { h, fill, changed, keepingFocus, switches } from "../dom.js";
import { t } from "../i18n.js";
import { SCORES, hasScore, shownView, splitsOf } from "../scores.js";
import { update } from "../state.js";

/** @param {HTMLElement} element the place of the switches @param {import("../state.js").State} state */
export function render(element, state) {
  const { lang, result } = state;
  const shown = shownView(state);
  const there = SCORES.filter((s) => !result || hasScore(result, s));
  const splits = splitsOf(shown.score, result);
  if (!changed(element, shown, there, splits, lang)) return;
  keepingFocus(element, () =>
    fill(element, scoreSwitch(shown, there), splitSwitch(shown, splits), scaleSwitch(shown)),
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

function splitSwitch({ score, split }, there) {
  const several = splitsOf(score).length > 1;
  return switches({
    label: t("split"),
    current: several ? split : "",
    choose: (value) => update({ split: value }),
    options: ["heldout", "adjusted", "fit"].map((value) => {
      const possible = several && there.includes(value);
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
