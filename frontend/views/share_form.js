// What a new share link shows and for how long; and the link itself, told once.

import { createShare } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { viewTexts } from "../state.js";
import { problemText } from "./problem.js";
import { toldOnce } from "./told_once.js";

const LANGUAGES = [["", "share_lang_auto"], ["en", "English"], ["ja", "日本語"]];
const WITH_TEXTS = ["plan", "answers", "passage", "heal"];

/**
 * @param {object} run
 * @param {{days: number, mostDays: number}} limits
 * @param {() => Promise<unknown>} made called when there is a new link
 * @returns {{element: HTMLElement, forget: (share: {id: string}) => void}} `forget` takes away a link that has ended
 */
export function shareForm(run, { days, mostDays }, made) {
  const told = h("div", { class: "share-told", "aria-live": "polite" });
  let shown = "";
  const submit = async (event) => {
    event.preventDefault();
    try {
      const { id, url } = await createShare(body(run, form.elements));
      shown = id;
      fill(told, linkOnce(url));
      told.querySelector("input").select();
      await made();
    } catch (error) {
      fill(told, problemText(error));
    }
  };
  const form = h(
    "form",
    { class: "share-form", novalidate: true, on: { submit } },
    modes(run.status === "finished"),
    h(
      "div",
      { class: "fields two" },
      field("days", h("input", { type: "number", name: "days", id: "share-days", min: 1, max: mostDays, value: days })),
      field("lang", h("select", { name: "lang", id: "share-lang" }, LANGUAGES.map(language))),
    ),
    field("note", h("input", { type: "text", name: "note", id: "share-note", maxlength: 500, autocomplete: "off" })),
    check("view", true),
    WITH_TEXTS.includes(run.kind) && [check("texts", false), h("p", { class: "field-note" }, t("share_texts_note"))],
    h("div", { class: "controls" }, h("button", { type: "submit", class: "primary" }, t("share_create"))),
    told,
  );
  return { element: form, forget: ({ id }) => id === shown && fill(told) };
}

function body(run, { mode, days, lang, note, view, texts }) {
  return {
    run: run.id,
    mode: mode.value,
    days: Number(days.value),
    note: note.value,
    lang: lang.value || null,
    view: view.checked ? viewTexts() : {},
    include_texts: texts?.checked ?? false,
  };
}

const field = (name, control) => h("div", { class: "field" }, h("label", { for: `share-${name}` }, t(`share_${name}`)), control);

const check = (name, checked) =>
  h("label", { class: "share-check" }, h("input", { type: "checkbox", name, checked }), " ", t(`share_${name}`));

const language = ([value, words]) => h("option", { value, lang: value || null }, value ? words : t(words));

function modes(finished) {
  const mode = (value, possible) =>
    h(
      "label",
      { class: "share-check" },
      h("input", { type: "radio", name: "mode", value, checked: value === "live", disabled: !possible }),
      h(
        "span",
        {},
        h("strong", {}, t(`share_mode_${value}`)),
        h("span", { class: "field-note" }, t(possible ? `share_mode_${value}_note` : "share_frozen_later")),
      ),
    );
  return h("fieldset", {}, h("legend", {}, t("share_mode")), mode("live", true), mode("frozen", finished));
}

function linkOnce(url) {
  return [h("p", {}, t("share_created")), toldOnce({ id: "share-url", label: t("share_link"), value: url })];
}
