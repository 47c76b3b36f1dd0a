// What people say of themselves: away, not to be disturbed, a text. A part of it that has run out says nothing.

import { element } from "./dom.js"
import { end } from "./time.js"

const LONGEST_WAIT = 2 ** 31 - 1

/** What of a status holds now. */
export function holding(status, now = Date.now()) {
  const { presence, why, until, emoji, text, text_until } = status ?? {}
  return {
    ...(presence && !over(until, now) ? { presence, why, until } : {}),
    ...((emoji || text) && !over(text_until, now) ? { emoji, text, text_until } : {}),
  }
}

/** Milliseconds until a part of it runs out; null where nothing does. */
export function untilOver(status, now = Date.now()) {
  const { until, text_until } = holding(status, now)
  const ends = [until, text_until].filter(Boolean).map((at) => new Date(at) - now)
  return ends.length ? Math.min(...ends, LONGEST_WAIT) : null
}

/** "away: lunch", "do not disturb until 14:17", "away · 🌴 By the sea"; "" where nothing is said. */
export function words(status) {
  const held = holding(status)
  return [presence(held), said(held)].filter(Boolean).join(" · ")
}

function presence({ presence: word, why, until }) {
  if (word === "away") return why ? `away: ${why}` : "away"
  if (word === "dnd") return `do not disturb${until ? ` until ${end(until)}` : ""}`
  return ""
}

function said({ emoji, text }) {
  return [emoji, text].filter(Boolean).join(" ")
}

function over(at, now) {
  return Boolean(at) && new Date(at) <= now
}

/** Your own, above your next line, with the way back. `quiet(yes)` hears whether you are not to be disturbed. */
export class OwnStatus {
  #line
  #type
  #quiet
  #status = {}
  #next = 0

  /** `type(text)` sends a line as if typed. */
  constructor(line, { type, quiet }) {
    this.#line = line
    this.#type = type
    this.#quiet = quiet
  }

  show(status) {
    this.#status = status ?? {}
    this.#look()
  }

  #look() {
    clearTimeout(this.#next)
    const held = holding(this.#status)
    const wait = untilOver(held)
    if (wait !== null) this.#next = setTimeout(() => this.#look(), wait + 1)
    this.#quiet(held.presence === "dnd")
    const parts = [
      ...this.#part(capital(presence(held)), "I am back", "/back"),
      ...this.#part(said(held) && `${said(held)}${held.text_until ? ` until ${end(held.text_until)}` : ""}`, "Clear", "/status clear"),
    ]
    this.#line.hidden = !parts.length
    this.#line.replaceChildren(...parts)
  }

  #part(text, label, line) {
    if (!text) return []
    const button = element("button", "text-button", label)
    button.type = "button"
    button.addEventListener("click", () => this.#type(line))
    const part = element("span", "part")
    part.append(element("span", "says", text), button)
    return [part]
  }
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
