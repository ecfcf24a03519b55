// A model of the Hugging Face hub: owner/name, with @revision if one likes. A worker inspects it.

import { addInput } from "../api.js";
import { t } from "../i18n.js";
import { intake } from "./intake.js";

/** @returns {HTMLElement} */
export const hubIntake = () =>
  intake({
    name: "hub",
    placeholder: "owner/name",
    submit: (reference) => {
      const [name, revision] = reference.split("@");
      return addInput("models", { source: "hub", name, ...(revision ? { revision } : {}) });
    },
    note: t("intake_hub_note"),
  });
