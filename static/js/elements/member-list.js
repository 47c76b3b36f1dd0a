// Who is here, by role; then who is not. Choosing somebody opens what can be done about them.

import { element, renew } from "../dom.js"
import { ink, rank } from "../message.js"
import { holding, untilOver, words } from "../status.js"

const GROUPS = [
  ["admin", "Site admins", "Site admin"],
  ["owner", "Owners", "Owner"],
  ["moderator", "Moderators", "Moderators"],
  ["member", "Members", "Members"],
  ["guest", "Guests", "Guests"],
]

// What the coming of somebody does not say of them.
const UNSAID = ["role", "muted", "voiced"]

export class MemberList extends HTMLElement {
  #people = new Map()
  #unsaid = new Map()
  #count = 0
  #you = 0
  #drawn = false
  #next = 0
  /** Given by the page: whether you ignore somebody. */
  ignores = () => false

  connectedCallback() {
    this.addEventListener("click", this.#click)
    if (this.#drawn) return
    this.#drawn = true
    this.#you = Number(this.dataset.you)
    this.#count = Number(this.dataset.count)
    for (const { dataset } of this.querySelectorAll("li")) {
      const { id, name, role, status, muted } = dataset
      this.#people.set(Number(id), {
        id: Number(id),
        name,
        role,
        guest: "guest" in dataset,
        here: "here" in dataset,
        status: status ? JSON.parse(status) : {},
        muted: muted ?? "",
        voiced: "voiced" in dataset,
      })
    }
    this.replaceChildren()
    this.#draw()
  }

  disconnectedCallback() {
    clearTimeout(this.#next)
    this.removeEventListener("click", this.#click)
  }

  get people() {
    return [...this.#people.values()]
  }

  get count() {
    return this.#count
  }

  roleOf(id) {
    return this.#people.get(id)?.role ?? ""
  }

  /** Whether somebody reads but may not speak just now, as far as the page knows. */
  isMuted(id) {
    const until = this.#people.get(id)?.muted
    return Boolean(until) && new Date(until) > Date.now()
  }

  /** Everybody, as hello tells it. Those it does not name are away, where it could name them all. */
  meet({ count, people }) {
    this.#count = count
    if (people.length === count) for (const person of this.#people.values()) person.here = false
    for (const person of people) {
      this.#know(person, { here: true, status: person.status ?? {}, ...standing(person) })
      this.#unsaid.delete(person.id)
    }
    this.#draw()
  }

  /**
   * What was asked about those who came, and nothing else of the answer: all the rest the line has told by now, and
   * the answer may be older. Gives those it taught something about.
   */
  learn({ people }) {
    const learned = people.filter((person) => this.#unsaid.has(person.id))
    for (const person of learned) {
      const open = this.#unsaid.get(person.id)
      const facts = Object.entries(standing(person)).filter(([fact]) => open.has(fact))
      this.#unsaid.delete(person.id)
      Object.assign(this.#people.get(person.id), Object.fromEntries(facts))
    }
    if (learned.length) this.#draw()
    return learned.map(({ id }) => this.#people.get(id))
  }

  /** Somebody says something else of themselves. Who was never here need not be known for that. */
  says({ id }, status) {
    const known = this.#people.get(id)
    if (!known) return
    known.status = status
    this.#draw()
  }

  /** Something changed that only the page knows: whom you ignore. */
  redraw() {
    this.#draw()
  }

  /** Somebody came in. Says whether it is known how they stand here. */
  came(person) {
    if (!this.#people.get(person.id)?.here) this.#count += 1
    this.#enter(person)
    this.#draw()
    return !this.#unsaid.has(person.id)
  }

  went(person) {
    const known = this.#people.get(person.id)
    if (known?.here) this.#count -= 1
    if (known) known.here = false
    this.#draw()
  }

  /** By difference, for rooms that do not record comings and goings. Says whether it is known how the new stand here. */
  differ({ joined, left, count }) {
    for (const person of joined) this.#enter(person)
    for (const person of left) this.#know(person, { here: false })
    this.#count = count
    this.#draw()
    return !joined.some(({ id }) => this.#unsaid.has(id))
  }

  /** Another role or another name. */
  change(person, facts) {
    this.#know(person, facts)
    this.#draw()
  }

  #enter(person) {
    if (!this.#people.has(person.id)) this.#unsaid.set(person.id, new Set(UNSAID))
    this.#know(person, { here: true })
  }

  #know(person, facts) {
    for (const fact of Object.keys(facts)) this.#unsaid.get(person.id)?.delete(fact)
    const known = this.#people.get(person.id) ?? {
      id: person.id,
      role: person.guest ? "guest" : "member",
      guest: Boolean(person.guest),
      here: false,
      status: {},
      muted: "",
      voiced: false,
    }
    this.#people.set(person.id, {
      ...known,
      name: person.name,
      ...(person.role ? { role: person.role } : {}),
      ...facts,
    })
  }

  #draw() {
    clearTimeout(this.#next)
    const waits = this.people.map((person) => untilOver(person.status)).filter((wait) => wait !== null)
    if (waits.length) this.#next = setTimeout(() => this.#draw(), Math.min(...waits) + 1)
    const focused = this.contains(document.activeElement)
      ? document.activeElement.closest("li")?.dataset.id
      : null
    const here = this.people.filter((person) => person.here).sort(byName)
    const groups = GROUPS.map(([role, many, one]) => {
      const group = here.filter((person) => person.role === role)
      return this.#group(`p-${role}`, group.length === 1 ? one : many, group)
    })
    const away = this.people.filter((person) => !person.here).sort(byName)
    const more = this.#count - here.length
    const rest = more > 0 ? [element("p", "more", `and ${more} more`)] : []
    renew(this, [...groups.flat(), ...rest, ...this.#group("p-off", "Not here", away)])
    if (focused) this.querySelector(`li[data-id="${focused}"] button`)?.focus()
    this.dispatchEvent(new CustomEvent("people:changed", { bubbles: true, detail: { count: this.#count } }))
  }

  #group(id, heading, people) {
    if (!people.length) return []
    const title = element("h3", "", heading)
    title.id = id
    const list = element("ul")
    list.setAttribute("aria-labelledby", id)
    list.append(...people.map((person) => this.#line(person)))
    return [title, list]
  }

  #line(person) {
    const line = element("li", person.here ? "" : "away")
    line.dataset.id = person.id
    const button = element("button", "person")
    button.type = "button"
    button.setAttribute("aria-haspopup", "menu")
    const { presence = "" } = holding(person.status)
    const dot = element("span", person.here ? `here-dot ${presence}`.trim() : "here-dot off")
    dot.setAttribute("aria-hidden", "true")
    const name = element("span", "name", person.name)
    name.dataset.ink = ink(person.id, this.#you)
    button.append(dot, name)
    const mark = rank(person.role)
    if (mark) button.append(mark)
    const note =
      person.id === this.#you
        ? "you"
        : this.ignores(person.id)
          ? "ignored"
          : person.guest
            ? "guest"
            : ""
    if (note) button.append(element("span", "note", note))
    const says = words(person.status)
    if (says) {
      const about = element("span", "says", says)
      about.title = says
      button.append(about)
    }
    line.append(button)
    return line
  }

  #click = (event) => {
    const button = event.target.closest("li button")
    const person = button && this.#people.get(Number(button.closest("li").dataset.id))
    if (person)
      this.dispatchEvent(new CustomEvent("person:chosen", { bubbles: true, detail: { person, button } }))
  }
}

/** How somebody stands in the room, as the server tells a person. */
function standing({ role, muted_until, voiced }) {
  return { role, muted: muted_until ?? "", voiced: Boolean(voiced) }
}

function byName(one, other) {
  return one.name.localeCompare(other.name)
}

customElements.define("member-list", MemberList)
