// Who is writing: shown for six seconds, at most two by name.

import { element } from "./dom.js"

const SHOWN = 6_000

export class Typing {
  #line
  #you
  #who = new Map()

  constructor(line, you) {
    this.#line = line
    this.#you = you
  }

  hear(person) {
    if (!person || person.id === this.#you.id) return
    clearTimeout(this.#who.get(person.id)?.timer)
    const timer = setTimeout(() => this.stop(person.id), SHOWN)
    this.#who.set(person.id, { name: person.name, timer })
    this.#draw()
  }

  stop(id) {
    if (!this.#who.has(id)) return
    clearTimeout(this.#who.get(id).timer)
    this.#who.delete(id)
    this.#draw()
  }

  #draw() {
    const names = [...this.#who.values()].map((one) => one.name)
    if (!names.length) return this.#line.replaceChildren()
    const ticks = element("span", "ticks")
    ticks.setAttribute("aria-hidden", "true")
    ticks.append(element("i"), element("i"), element("i"))
    const words =
      names.length > 2
        ? "several people are typing"
        : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing`
    return this.#line.replaceChildren(ticks, words)
  }
}
