// Find a room by a few letters, from anywhere.

import { composing, element, plural } from "./dom.js"

export class Finder {
  #dialog = document.getElementById("finder")
  #rooms = []
  #shown = []
  #chosen = 0
  #asked = 0

  constructor() {
    this.#field.addEventListener("input", () => this.#draw())
    this.#field.addEventListener("keydown", this.#keydown)
    this.#list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]")
      if (row) this.#go(this.#shown[[...this.#list.children].indexOf(row)])
    })
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close())
    for (const button of document.querySelectorAll("[data-find]"))
      button.addEventListener("click", () => this.open())
  }

  open = async () => {
    if (this.#dialog.open) return
    this.#rooms = this.#known()
    this.#field.value = ""
    this.#dialog.showModal()
    this.#draw()
    this.#asked += 1
    const question = this.#asked
    const answer = await fetch("/api/rooms", { headers: { accept: "application/json" } }).catch(() => null)
    const told = answer?.ok ? await answer.json().catch(() => null) : null
    if (!told || question !== this.#asked) return
    this.#rooms = told.rooms
    // What the arrows have reached stays chosen.
    this.#draw(this.#chosen && this.#shown[this.#chosen].slug)
  }

  get #field() {
    return this.#dialog.querySelector("input")
  }

  get #list() {
    return this.#dialog.querySelector("[role=listbox]")
  }

  /** The rooms of the index, until the whole list is here. */
  #known() {
    return [...document.querySelectorAll("room-index a[data-slug]")].map((link) => ({
      slug: link.dataset.slug,
      title: link.querySelector(".what").firstChild.textContent,
    }))
  }

  #draw(kept = "") {
    const words = this.#field.value.trim().toLowerCase().replace(/^#/, "")
    const where = (room) => `${room.slug} ${room.title ?? ""}`.toLowerCase()
    const near = (room) => (room.slug === words ? 2 : Number(where(room).startsWith(words)))
    const fits = this.#rooms.filter(
      (room) => where(room).includes(words) || (room.topic ?? "").toLowerCase().includes(words),
    )
    this.#shown = fits
      .sort((one, other) => near(other) - near(one))
      .slice(0, 12)
    this.#list.replaceChildren(...this.#shown.map((room, index) => row(room, index)))
    this.#dialog.querySelector("[role=status]").textContent = this.#shown.length
      ? plural(fits.length, "room", "rooms")
      : `No room is called “${this.#field.value.trim()}”. Try fewer letters.`
    this.#choose(Math.max(0, this.#shown.findIndex(({ slug }) => slug === kept)))
  }

  #choose(index) {
    this.#chosen = index
    const rows = [...this.#list.children]
    rows.forEach((one, at) => one.setAttribute("aria-selected", String(at === index)))
    if (rows[index]) this.#field.setAttribute("aria-activedescendant", rows[index].id)
    else this.#field.removeAttribute("aria-activedescendant")
    rows[index]?.scrollIntoView({ block: "nearest" })
  }

  #keydown = (event) => {
    if (composing(event)) return
    const count = this.#shown.length
    if (event.key === "ArrowDown" && count) this.#choose((this.#chosen + 1) % count)
    else if (event.key === "ArrowUp" && count) this.#choose((this.#chosen - 1 + count) % count)
    else if (event.key === "Enter") this.#go(this.#shown[this.#chosen])
    else return
    event.preventDefault()
  }

  #go(room) {
    if (room) location.assign(`/rooms/${room.slug}`)
  }
}

function row(room, index) {
  const line = element("div")
  line.id = `find-${index}`
  line.setAttribute("role", "option")
  line.append(
    element("span", "name", `#${room.slug}`),
    element("span", "does", room.topic || (room.title !== room.slug ? room.title : "") || ""),
  )
  return line
}
