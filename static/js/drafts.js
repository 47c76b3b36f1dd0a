// What is half written, room by room. It survives a reload, a kick and an error; only sending takes it away.

import { keep } from "./dom.js"

export class Draft {
  #key
  #timer = 0

  constructor(you, slug) {
    this.#key = `aiochat:draft:${you}:${slug}`
  }

  read() {
    return keep.get(this.#key) ?? ""
  }

  /** Soon, and at once when the page goes. */
  write(text) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#store(text), 150)
  }

  writeNow(text) {
    clearTimeout(this.#timer)
    this.#store(text)
  }

  #store(text) {
    if (text) keep.set(this.#key, text)
    else keep.remove(this.#key)
  }
}
