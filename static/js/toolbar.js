// The tools of one message: under the pointer, under the focus, or after a long press. One bar, carried about.

import { clone, copy } from "./dom.js"
import { gist, permalink } from "./message.js"

const LONG_PRESS = 450

export class Toolbar {
  #list
  #may
  #held = null
  #press = 0

  /** `may(act, article)` says which tools a message gets. */
  constructor(list, may) {
    this.#list = list
    this.#may = may
    list.addEventListener(
      "pointerover",
      (event) => event.pointerType === "mouse" && this.#carry(event.target),
    )
    list.addEventListener(
      "pointerleave",
      () => this.#held && !this.#held.matches(":focus-within, .shows") && this.#put(),
    )
    list.addEventListener("focusin", (event) => this.#carry(event.target))
    list.addEventListener("focusout", () =>
      setTimeout(() => this.#held && !this.#held.matches(":hover, :focus-within, .shows") && this.#put(), 0),
    )
    list.addEventListener("pointerdown", this.#down)
    for (const end of ["pointerup", "pointercancel", "pointermove", "scroll"])
      list.addEventListener(end, () => clearTimeout(this.#press), { passive: true })
    list.addEventListener("click", this.#click)
    document.addEventListener(
      "pointerdown",
      (event) => this.#held?.matches(".shows") && !this.#held.contains(event.target) && this.#put(),
    )
  }

  /** Into the bar of a message by the keyboard. */
  enter(article) {
    this.#carry(article)
    article.querySelector(".toolbar button")?.focus()
  }

  /** Other tools may be used than before: the bar is made afresh, unless something is being done with it. */
  renew() {
    const article = this.#held
    const bar = article?.querySelector(".toolbar")
    if (!bar || bar.querySelector("[data-act=sure], [aria-expanded]")) return
    const act = bar.contains(document.activeElement) && document.activeElement.dataset.act
    const shows = article.matches(".shows")
    this.#put()
    this.#carry(article)
    article.classList.toggle("shows", shows)
    if (act) article.querySelector(`.toolbar [data-act=${act}]`)?.focus()
  }

  walk(by) {
    const buttons = [...this.#list.querySelectorAll(".toolbar button")]
    const next = buttons[(buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length]
    next?.focus()
  }

  /** Do one thing on a message, where one may. */
  act(act, article) {
    if (!this.#may(act, article)) return false
    const { seq, name, text } = article.dataset
    this.#list.dispatchEvent(
      new CustomEvent(`message:${act}`, {
        bubbles: true,
        detail: { seq: Number(seq), name, text, gist: gist(article) },
      }),
    )
    return true
  }

  async link(slug, article) {
    return copy(new URL(permalink(slug, article.dataset.seq), location.href).href)
  }

  #carry(target) {
    const article = target.closest?.(".message[data-seq]")
    // Where a menu is open, or a finger has called the bar, it stays until it is put away.
    if (!article || article === this.#held || this.#held?.matches(".shows")) return
    this.#put()
    const bar = clone("toolbar-template")
    for (const button of bar.querySelectorAll("button"))
      if (!this.#may(button.dataset.act, article)) button.remove()
    const buttons = [...bar.querySelectorAll("button")]
    if (!buttons.length) return
    buttons.forEach((button, index) => (button.tabIndex = index ? -1 : 0))
    bar.setAttribute("aria-label", `On this message by ${article.dataset.name}`)
    article.append(bar)
    this.#held = article
  }

  #put() {
    this.#held?.classList.remove("shows")
    this.#held?.querySelector(".toolbar")?.remove()
    this.#held = null
  }

  #down = (event) => {
    if (event.pointerType === "mouse") return
    const article = event.target.closest(".message[data-seq]")
    clearTimeout(this.#press)
    if (!article || event.target.closest("a, button")) return
    this.#press = setTimeout(() => {
      this.#put()
      this.#carry(article)
      article.classList.add("shows")
    }, LONG_PRESS)
  }

  #click = (event) => {
    const button = event.target.closest(".toolbar [data-act]")
    if (!button) return
    const article = button.closest(".message")
    if (button.dataset.act === "remove") this.#ask(article)
    else if (button.dataset.act === "keep") this.#put()
    else if (button.dataset.act === "sure") {
      this.act("remove", article)
      this.#put()
    } else this.act(button.dataset.act, article)
  }

  /** A removed message does not come back, so the bar asks, the safe answer first. */
  #ask(article) {
    const bar = article.querySelector(".toolbar")
    bar.replaceWith(clone("sure-template"))
    article.querySelector("[data-act=keep]").focus()
  }
}
