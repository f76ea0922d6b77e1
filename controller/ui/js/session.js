/**
 * Who uses the page. The token is kept by this tab's session only: it is in no cookie, no address and no
 * other storage, and gone with the tab.
 * @module
 */

const KEY = "p4fabric.token";
const SHOWABLE = /^[\x21-\x7e]{16,8192}$/;

/** The token, and whom it makes us. */
export class Session {
  constructor() {
    /** @type {import("./types.js").Principal | null} */
    this.principal = null;
    /** @type {string | null} */
    this.token = sessionStorage.getItem(KEY);
  }

  /**
   * Why a text cannot be a token; null if it may be one.
   * @param {string} text
   */
  static fault(text) {
    if (text === "") return "Enter a token.";
    if (!SHOWABLE.test(text)) return "A token has at least 16 ASCII characters and no spaces.";
    return null;
  }

  /**
   * Take a token that the controller has accepted; null: a client certificate speaks for us.
   * @param {string | null} token
   * @param {import("./types.js").Principal} principal
   */
  begin(token, principal) {
    this.principal = principal;
    this.token = token;
    if (token !== null) sessionStorage.setItem(KEY, token);
  }

  end() {
    this.principal = this.token = null;
    sessionStorage.removeItem(KEY);
  }

  /** Whether the role sees the fabric itself, and not a tenant's part of it. */
  get seesFabric() {
    return this.principal?.role === "operator" || this.principal?.role === "reader";
  }
}
