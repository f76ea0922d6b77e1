/**
 * Asks for a token.
 * @module
 */

import { Api, ApiError } from "../api.js";
import { h } from "../dom.js";
import { fault, heading } from "../parts.js";
import { Session } from "../session.js";

/**
 * @param {HTMLElement} root
 * @param {Session} session
 * @param {string | null} why what happened before
 * @param {() => void} done called when the session has begun
 */
export function signIn(root, session, why, done) {
  const said = h("p", { class: "notice", role: "alert", hidden: why === null, id: "said" }, why);
  // Without a name and with an empty form action it can end up in no address, whatever happens.
  const token = h("input", {
    type: "password", id: "token", autocomplete: "off", autocapitalize: "none", spellcheck: "false", "aria-describedby": "said hint",
  });
  const submit = h("button", { type: "submit" }, "Sign in");
  const certificate = h("button", { type: "button", class: "quiet", on: { click: () => begin(null) } }, "Use my client certificate");
  const form = h(
    "form",
    { class: "sign-in", novalidate: true },
    heading("Sign in to p4fabric"),
    h("label", { for: "token" }, "Token"),
    token,
    h("p", { id: "hint", class: "hint" }, "The operator's is in p4fabric.token beside the controller's configuration. It stays in this tab and goes with it."),
    said,
    h("p", { class: "buttons" }, submit, certificate),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = token.value.trim();
    const wrong = Session.fault(text);
    if (wrong === null) begin(text);
    else say(wrong);
  });
  root.replaceChildren(form);
  token.focus();

  /** @param {string} text */
  function say(text) {
    said.textContent = text;
    said.hidden = false;
    token.setAttribute("aria-invalid", "true");
    token.focus();
  }

  /** @param {string | null} shown */
  async function begin(shown) {
    submit.disabled = certificate.disabled = true;
    try {
      session.begin(shown, await new Api({ token: shown }).get("principal"));
      done();
    } catch (error) {
      const refused = error instanceof ApiError && error.status === 401;
      say(refused && shown === null ? "The controller has no certificate of yours that it knows." : refused ? "The controller does not know this token." : fault(error));
    } finally {
      submit.disabled = certificate.disabled = false;
    }
  }
}
