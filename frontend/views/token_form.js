// A new access token: for whom, with which role, for how long; and the token itself, told once.

import { addresses, createToken } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { ROLES } from "../visitor.js";
import { problemText } from "./problem.js";
import { toldOnce } from "./told_once.js";

const MOST_DAYS = 3650;

/**
 * @param {() => Promise<unknown>} made called when there is a new token
 * @returns {{element: HTMLElement, speak: () => void}} `speak` says the same in the page's language
 */
export function tokenForm(made) {
  const told = h("div", { class: "share-told", "aria-live": "polite" });
  const element = h("section", { class: "intake" });
  let say = () => fill(told);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    try {
      const fresh = await createToken(body(new FormData(form)));
      say = () => fill(told, once(fresh));
      form.reset();
    } catch (error) {
      say = () => fill(told, problemText(error));
    }
    say();
    told.querySelector("input")?.select();
    await made();
  };
  const speak = () => {
    say();
    fill(element, h("h2", {}, t("token_new")), fields(submit), told);
  };
  return { element, speak };
}

const fields = (submit) =>
  h(
    "form",
    { class: "token-form", on: { submit } },
    h(
      "div",
      { class: "fields three" },
      field("name", h("input", { id: "token-name", name: "name", required: true, maxlength: 64, pattern: "[A-Za-z0-9._@+\\-]+", autocomplete: "off", spellcheck: "false" }), t("token_name_note")),
      field("role", h("select", { id: "token-role", name: "role" }, ROLES.map((role) => h("option", { value: role }, t(`role_${role}`))))),
      field("days", h("input", { id: "token-days", name: "days", type: "number", min: 1, max: MOST_DAYS, placeholder: t("token_days_none") })),
    ),
    h("button", { type: "submit", class: "primary" }, t("token_make")),
  );

const field = (name, control, note) =>
  h("div", { class: "field" }, h("label", { for: `token-${name}` }, t(`token_${name}`)), control, note && h("div", { class: "field-note" }, note));

const body = (typed) => ({
  name: String(typed.get("name")).trim(),
  role: typed.get("role"),
  days: typed.get("days") ? Number(typed.get("days")) : null,
});

const once = ({ name, token }) => [
  h("p", {}, t("token_made", { name })),
  toldOnce({ id: "token-made", label: t("token_label"), value: token }),
  h("p", {}, t("token_address")),
  toldOnce({ id: "token-address", label: t("token_address"), value: addresses.signIn(token) }),
];
