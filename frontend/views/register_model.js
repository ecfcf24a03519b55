// Registering what was looked at, and saying what became of it.

import { addInput, addresses } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

/** @param {{message: HTMLElement}} place @param {object} body one model or a series */
export async function register(place, body) {
  try {
    const answer = await addInput("models", body);
    const words = answer.items
      ? t("added_series", { count: answer.items.length, name: answer.series })
      : t(`added_${answer.state}`, { name: answer.name });
    fill(place.message, h("p", {}, words, " ", h("a", { href: addresses.inputs() }, t("nav_library"))));
  } catch (error) {
    fill(place.message, problemText(error));
  }
}
