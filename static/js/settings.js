// The settings of a room, beside the index of rooms.

import "./elements/room-index.js"
import "./page.js"
import { Finder } from "./finder.js"
import { pageKeys } from "./keys.js"

const finder = new Finder()
pageKeys({ find: finder.open, rooms: () => document.querySelector("room-index").links() })

// The tab of the part that was gone to; the address says which.
const tabs = [...document.querySelectorAll('.tabs a[href^="#"]')]
const mark = () => {
  const here = tabs.find((tab) => tab.hash === location.hash) ?? tabs[0]
  for (const tab of tabs) tab === here ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current")
}
addEventListener("hashchange", mark)
mark()

// Nothing is deleted by a press alone: the button waits for the room's name.
const confirm = document.getElementById("f-confirm")
const sure = confirm.form.querySelector(".danger")
const name = confirm.form.querySelector("strong").textContent
const look = () => {
  const is = confirm.value.trim().replace(/^#/, "") === name
  sure.disabled = !is
  sure.classList.toggle("sure", is)
}
confirm.addEventListener("input", look)
look()
