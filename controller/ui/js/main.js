/**
 * Begins: who is it, and what do they want to see?
 * @module
 */

import { Api } from "./api.js";
import { byId, h } from "./dom.js";
import { fault } from "./parts.js";
import { placeOf } from "./router.js";
import { Session } from "./session.js";
import { NOWHERE, Shell, VIEWS } from "./shell.js";
import { signIn } from "./views/sign-in.js";

const session = new Session();
const api = new Api(session, (error) => ask(error.message));
const shell = new Shell(session, api, () => ask("You have signed out."));
const content = byId("content");

let current = new AbortController();

/**
 * Ask for a token.
 * @param {string | null} why
 */
function ask(why) {
  if (session.principal === null && session.token === null && content.querySelector("form.sign-in")) return;
  session.end();
  current.abort();
  shell.hide();
  document.title = "Sign in – p4fabric";
  signIn(content, session, why, begin);
}

function begin() {
  shell.show();
  open();
}

async function open() {
  if (session.principal === null) return;
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const place = placeOf(location.hash);
  const entry = VIEWS.find((view) => view.name === (place.view || shell.first)) ?? NOWHERE;
  shell.mark(entry.name);
  const view = await entry.load();
  if (signal.aborted) return;
  const here = document.activeElement;
  const field = content.dataset.view === entry.name && here instanceof HTMLElement ? here.dataset.name : undefined;
  document.title = `${[...place.params, entry.title].join(" ")} – p4fabric`;
  content.replaceChildren();
  content.dataset.view = entry.name;
  window.scrollTo(0, 0);
  view.open({ api, session, signal, root: content, params: place.params, query: place.query });
  // Who changes a filter goes on in it.
  const next = field ? content.querySelector(`[data-name="${CSS.escape(field)}"]`) : content.querySelector("h1");
  if (next instanceof HTMLElement) next.focus({ preventScroll: true });
  content.dataset.place = location.hash;
}

addEventListener("hashchange", open);
// Its address would be taken for that of a view.
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});

async function resume() {
  try {
    session.begin(session.token, await api.get("principal"));
    begin();
  } catch (error) {
    if (session.token === null) return; // it was refused, and another one is asked for
    const again = h("button", { type: "button", on: { click: resume } }, "Try again");
    content.replaceChildren(h("p", { role: "alert" }, fault(error)), again);
    again.focus();
  }
}

if (session.token === null) ask(null);
else resume();
