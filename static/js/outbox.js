// What waits to go out: kept in this browser, sent in order, one at a time, each under its own nonce until answered.

import { keep, nonce } from "./dom.js"

const AGAIN_FIRST = 1_000
const AGAIN_LONGEST = 30_000
// In seconds. Who has to wait for longer than this gets the words back, and sends them then.
const PATIENCE = 10

/**
 * An item is {nonce, kind: say|edit|remove, text, reply_to?, target?, at, state: waiting|sending|failed}.
 * Tells: "sent" (item, ack), "refused" (item, error), "held" (item, error, until: it goes again by itself), "changed".
 */
export class Outbox extends EventTarget {
  #prefix
  #say
  #items = []
  #live = false
  #again = 0
  #tries = 0

  constructor(you, slug, say) {
    super()
    this.#prefix = `aiochat:out:${you}:${slug}:`
    this.#say = say
    this.#items = keep
      .keys(this.#prefix)
      .map((key) => JSON.parse(keep.get(key)))
      .filter(Boolean)
      .map((item) => ({ ...item, state: item.state === "failed" ? "failed" : "waiting" }))
      .sort((a, b) => a.order - b.order)
  }

  get items() {
    return [...this.#items]
  }

  get waiting() {
    return this.#items.filter((item) => item.state !== "failed")
  }

  find(number) {
    return this.#items.find((item) => item.nonce === number)
  }

  add(fields) {
    const at = new Date()
    const item = {
      nonce: nonce(),
      at: at.toISOString(),
      order: at.getTime() + this.#items.length / 1000,
      state: "waiting",
      ...fields,
    }
    this.#items.push(item)
    this.#store(item)
    this.#next()
    return item
  }

  /** The line stands: everything waiting goes, in order. */
  up() {
    this.#live = true
    this.#tries = 0
    this.#next()
  }

  /** The line is gone: what was on its way is sent again, under the same nonce. */
  down() {
    this.#live = false
    clearTimeout(this.#again)
    for (const item of this.#items) if (item.state === "sending") item.state = "waiting"
    this.#changed()
  }

  answered(ack) {
    const item = this.#take(ack.nonce)
    if (item) this.#tell("sent", { item, ack })
    this.#tries = 0
    this.#next()
  }

  refused(error) {
    const item = this.find(error.nonce)
    if (!item) return false
    if (error.temporary && !(error.code === "rate_limited" && error.retry_after > PATIENCE))
      this.#later(item, error)
    else {
      item.state = "failed"
      this.#store(item)
      this.#tell("refused", { item, error })
      this.#next()
    }
    return true
  }

  again(number) {
    const item = this.find(number)
    if (!item) return
    // Refused for good under the old nonce, so this is a new request.
    this.#take(number)
    this.add({ ...item, nonce: nonce(), state: "waiting", at: new Date().toISOString(), order: Date.now() })
  }

  discard(number) {
    this.#take(number)
    this.#next()
  }

  #next() {
    if (this.#items.some((item) => item.state === "sending")) return
    if (!this.#live) return this.#changed()
    const item = this.#items.find((one) => one.state === "waiting")
    if (!item) return this.#changed()
    item.state = this.#say(frameOf(item)) ? "sending" : "waiting"
    return this.#changed()
  }

  #later(item, error) {
    const wait = error.retry_after
      ? error.retry_after * 1000
      : Math.min(AGAIN_LONGEST, AGAIN_FIRST * 2 ** this.#tries)
    this.#tries += 1
    clearTimeout(this.#again)
    this.#again = setTimeout(() => {
      if (item.state === "sending") item.state = "waiting"
      this.#next()
    }, wait)
    this.#tell("held", { item, error, until: Date.now() + wait })
  }

  #take(number) {
    const item = this.find(number)
    if (!item) return null
    this.#items = this.#items.filter((one) => one !== item)
    keep.remove(this.#prefix + item.nonce)
    return item
  }

  #store(item) {
    keep.set(this.#prefix + item.nonce, JSON.stringify(item))
  }

  #changed() {
    this.#tell("changed")
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

function frameOf({ kind, nonce: number, text, reply_to, target }) {
  if (kind === "edit") return { type: "edit", nonce: number, target, text }
  if (kind === "remove") return { type: "remove", nonce: number, target }
  return { type: "say", nonce: number, text, ...(reply_to ? { reply_to } : {}) }
}
