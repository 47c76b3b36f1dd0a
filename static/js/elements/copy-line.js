// A line to give away, and a button that copies it.

import { copy } from "../dom.js"

export class CopyLine extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#click)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#click)
  }

  #click = async (event) => {
    const button = event.target.closest("button")
    if (!button) return
    const done = await copy(this.querySelector("code").textContent)
    button.querySelector("span").textContent = done ? "Copied" : "Select and copy it"
  }
}

customElements.define("copy-line", CopyLine)
