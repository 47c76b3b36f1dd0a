// The index of rooms, kept up to date: what waits in the rooms one is not looking at.

import { counted } from "../dom.js"

export class RoomIndex extends HTMLElement {
  /** A room's counts, as an `unread` frame tells them. */
  update({ room, count, mentions }) {
    const link = this.querySelector(`a[data-slug="${CSS.escape(room)}"]`)
    if (!link || link.hasAttribute("aria-current")) return
    show(link.querySelector(".count"), count, counted(count))
    show(link.querySelector(".at-you"), mentions, counted(mentions))
    link.classList.toggle("unread", count > 0 || mentions > 0)
  }

  /** How often others mean you elsewhere. */
  get mentions() {
    return [...this.querySelectorAll(".at-you:not([hidden]) .n")].reduce(
      (sum, one) => sum + Number(one.textContent.replace(/\D/g, "")),
      0,
    )
  }

  links() {
    return [...this.querySelectorAll("a[data-slug]")]
  }
}

function show(badge, count, words) {
  badge.hidden = !count
  badge.querySelector(".n").textContent = words
}

customElements.define("room-index", RoomIndex)
