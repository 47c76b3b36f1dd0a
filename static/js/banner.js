// One line under the head while the room cannot be heard: what happened, what still works, when next.

import { clone, element, plural } from "./dom.js"

// Most breaks are over before anybody needs to know.
const PATIENCE = 1_500
const TO_GO = (count) =>
  count === 1
    ? "waits here and goes out when the line is back."
    : "wait here and go out, in order, when the line is back."

export class Banner {
  #head
  #again
  #line = null
  #patience = 0
  #clock = 0
  #until = 0
  #waiting = 0
  #over = false

  constructor(head, again) {
    this.#head = head
    this.#again = again
  }

  down(until) {
    if (this.#over) return
    this.#until = until
    if (this.#line) this.#draw()
    else if (!this.#patience) this.#patience = setTimeout(() => this.#show(), PATIENCE)
  }

  up() {
    clearTimeout(this.#patience)
    clearInterval(this.#clock)
    this.#patience = 0
    this.#line?.remove()
    this.#line = null
  }

  /** How many messages wait to go out. */
  waits(count) {
    if (count === this.#waiting) return
    this.#waiting = count
    if (this.#line && !this.#over) this.#draw()
  }

  /** The line is closed for good; `words` say why, `button` what can be done. */
  over(words, button, does) {
    this.up()
    this.#over = true
    this.#line = clone("banner-template")
    this.#line.querySelector(".in-margin").lastChild.textContent = "closed"
    this.#line.querySelector(".what").textContent = words
    this.#line.querySelector(".when").remove()
    const now = this.#line.querySelector("[data-now]")
    now.lastChild.textContent = button
    now.addEventListener("click", does)
    this.#head.after(this.#line)
  }

  #show() {
    this.#line = clone("banner-template")
    this.#line.querySelector("[data-now]").addEventListener("click", () => this.#again())
    this.#draw()
    this.#head.after(this.#line)
    this.#clock = setInterval(() => this.#tick(), 1_000)
  }

  #draw() {
    const what = this.#line.querySelector(".what")
    const count = this.#waiting
    if (what.dataset.count !== String(count)) {
      what.dataset.count = count
      if (count)
        what.replaceChildren(
          "You can keep writing. ",
          element("b", "", plural(count, "message", "messages")),
          ` ${TO_GO(count)}`,
        )
      else what.textContent = "You can keep writing. It goes out when the line is back."
    }
    this.#tick()
  }

  #tick() {
    const seconds = Math.ceil((this.#until - Date.now()) / 1000)
    this.#line.querySelector(".when").textContent =
      seconds > 0 ? `Trying again in ${seconds} s` : "Trying now"
  }
}
