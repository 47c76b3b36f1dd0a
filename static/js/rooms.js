// The directory: found by letters, put in an order. The index beside it, or, on a phone, before it.

import "./elements/room-index.js"
import "./page.js"
import { Finder } from "./finder.js"
import { pageKeys } from "./keys.js"

const form = document.querySelector(".toolbar-line")
const search = form.querySelector("input")
const order = form.querySelector("select")
const list = document.querySelector(".directory")
const nothing = document.querySelector(".nothing")
const finder = new Finder()

const ORDERS = {
  here: (one, other) => other.dataset.here - one.dataset.here || ORDERS.last(one, other),
  last: (one, other) => other.dataset.last.localeCompare(one.dataset.last),
  name: (one, other) => one.dataset.slug.localeCompare(other.dataset.slug),
}

form.addEventListener("submit", (event) => event.preventDefault())
search.addEventListener("input", () => {
  const words = search.value.trim().toLowerCase()
  let found = 0
  for (const entry of list.children) {
    entry.hidden = !entry.querySelector(".in-measure").textContent.toLowerCase().includes(words)
    found += entry.hidden ? 0 : 1
  }
  nothing.hidden = found > 0 || !list.children.length
  nothing.querySelector("span").textContent = nothing.hidden
    ? ""
    : `Nothing found for “${search.value.trim()}”. Try fewer letters.`
})
order.addEventListener("change", () => list.append(...[...list.children].sort(ORDERS[order.value])))

const openNew = () => location.hash === "#new" && document.querySelector("#new input[name=slug]").focus()
addEventListener("hashchange", openNew)
if (location.hash === "#new" || document.querySelector("#new [aria-invalid]")) {
  location.hash = "#new"
  openNew()
}

pageKeys({ find: finder.open, rooms: () => document.querySelector("room-index").links() })
