// The index of rooms, kept up to date: what waits in the rooms one is not looking at.

import { clone, counted } from "../dom.js"

export class RoomIndex extends HTMLElement {
  #learning = new Map()

  /** In a long index the room one is in is in sight. */
  connectedCallback() {
    this.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" })
  }

  /** A room's counts, as an `unread` frame tells them; one that is new to this page is learned first. */
  async update({ room, count, mentions }) {
    if (!this.#link(room)) await this.learn(room)
    const link = this.#link(room)
    if (link && !link.hasAttribute("aria-current")) countIn(link, count, mentions)
  }

  /** Where a room stands, as this page shows it. */
  standing(room) {
    const link = this.#link(room)
    const shown = (badge) => Number(link?.querySelector(`${badge}:not([hidden]) .n`)?.textContent.replace(/\D/g, "") ?? 0)
    return { count: shown(".count"), mentions: shown(".at-you") }
  }

  /** You want to be told of a room so: `all`, `mentions` or `none`. */
  wishes(room, level) {
    const link = this.#link(room)
    if (link) link.dataset.notify = level
  }

  level(room) {
    return this.#link(room)?.dataset.notify ?? "mentions"
  }

  isDirect(room) {
    return this.#link(room)?.querySelector(".sign").textContent.trim() === "@"
  }

  name(room) {
    return this.#link(room)?.querySelector(".what").firstChild.textContent ?? room
  }

  #link(room) {
    return this.querySelector(`a[data-slug="${CSS.escape(room)}"]`)
  }

  /** How often others mean you elsewhere, in rooms that are to tell you of it. */
  get mentions() {
    return [...this.querySelectorAll('a:not([data-notify="none"]) .at-you:not([hidden]) .n')].reduce(
      (sum, one) => sum + Number(one.textContent.replace(/\D/g, "")),
      0,
    )
  }

  /** A room that is new to this page: somebody brought one in, or spoke to one alone. Asked for once at a time. */
  learn(slug) {
    const asked = this.#learning.get(slug) ?? this.#ask(slug).then((room) => {
      // Taken out again before the answer came: it tells of what was.
      if (this.#learning.get(slug) !== asked) return
      this.#learning.delete(slug)
      this.#add(slug, room)
    })
    this.#learning.set(slug, asked)
    return asked
  }

  async #ask(slug) {
    const answer = await fetch("/api/rooms", { headers: { accept: "application/json" } }).catch(() => null)
    const told = answer?.ok ? await answer.json().catch(() => null) : null
    return told?.rooms.find((one) => one.slug === slug)
  }

  #add(slug, room) {
    const pattern = this.querySelector("li")
    if (!room?.member || !pattern || this.#link(slug)) return
    const line = pattern.cloneNode(true)
    const link = line.querySelector("a")
    link.removeAttribute("aria-current")
    link.href = `/rooms/${slug}`
    link.dataset.slug = slug
    link.dataset.notify = room.notify
    link.querySelector(".sign").replaceChildren(signOf(room))
    link.querySelector(".what").textContent = room.title || slug
    const lists = this.querySelectorAll("ul")
    ;(room.kind === "direct" ? lists[lists.length - 1] : lists[0]).append(line)
    countIn(link, room.unread, room.mentions)
  }

  /** A room that is one's own no more. The one that is shown stays until the line says where one stands. */
  forget(slug) {
    this.#learning.delete(slug)
    this.querySelector(`a[data-slug="${CSS.escape(slug)}"]:not([aria-current])`)?.closest("li").remove()
  }

  /** The rooms one is in, by address and title; nobody one speaks with alone. */
  rooms() {
    return this.links()
      .filter((link) => link.querySelector(".sign").textContent.trim() !== "@")
      .map((link) => ({ slug: link.dataset.slug, title: link.querySelector(".what").firstChild.textContent }))
  }

  links() {
    return [...this.querySelectorAll("a[data-slug]")]
  }
}

function signOf({ kind, private: isPrivate }) {
  if (kind === "direct") return "@"
  return isPrivate ? clone("sign-private") : "#"
}

function countIn(link, count, mentions) {
  show(link.querySelector(".count"), count, counted(count))
  show(link.querySelector(".at-you"), mentions, counted(mentions))
  link.classList.toggle("unread", count > 0 || mentions > 0)
}

function show(badge, count, words) {
  badge.hidden = !count
  badge.querySelector(".n").textContent = words
}

customElements.define("room-index", RoomIndex)
