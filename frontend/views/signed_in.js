// Who is signed in, and the way out. Nothing of it on one's own machine.

import { endSession } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { visitor } from "../visitor.js";
import { problemText } from "./problem.js";

/** @returns {HTMLElement|null} */
export function signedIn() {
  const { name, role, way } = visitor();
  if (way === "local") return null;
  const place = h("div", { class: "signed-in" }, h("span", { title: t(`role_${role}`) }, t("signed_in_as", { name })));
  if (way === "session") place.append(signOutButton(place));
  return place;
}

function signOutButton(place) {
  const click = async () => {
    try {
      await endSession();
      location.assign("/"); // which leads to the sign-in page
    } catch (error) {
      place.append(problemText(error));
    }
  };
  return h("button", { type: "button", class: "small", on: { click } }, t("sign_out"));
}
