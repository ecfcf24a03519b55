// A model in a folder of the server, below one of the folders that its operator has allowed.

import { addInput } from "../api.js";
import { t } from "../i18n.js";
import { intake } from "./intake.js";

/** @returns {HTMLElement} */
export const folderIntake = () =>
  intake({
    name: "folder",
    placeholder: "/models/my-model",
    submit: (path) => addInput("models", { source: "path", path }),
    note: t("intake_folder_note"),
  });
