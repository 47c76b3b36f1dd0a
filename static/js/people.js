// The people of the room: a column where there is room for one, a sheet where there is not.

import { keep } from "./dom.js"

const WIDE = matchMedia("(width >= 68rem)")
const KEY = "aiochat:people"

export function peopleSheet() {
  const column = document.getElementById("people")
  const sheet = document.getElementById("sheet")
  const list = column.querySelector("member-list")
  const button = document.querySelector("[data-people]")

  const settle = () => {
    if (WIDE.matches && sheet.open) sheet.close()
    column.hidden = WIDE.matches && keep.get(KEY) === "closed"
    const shown = WIDE.matches ? !column.hidden : sheet.open
    button.setAttribute("aria-expanded", String(shown))
    button.setAttribute("aria-controls", WIDE.matches ? "people" : "sheet")
    if (WIDE.matches) button.removeAttribute("aria-haspopup")
    else button.setAttribute("aria-haspopup", "dialog")
  }

  button.addEventListener("click", () => {
    if (WIDE.matches) {
      keep.set(KEY, column.hidden ? "open" : "closed")
    } else {
      sheet.querySelector(".scroll").append(list)
      sheet.showModal()
    }
    settle()
  })
  sheet.addEventListener("close", () => {
    column.querySelector(".scroll").append(list)
    settle()
  })
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close())
  WIDE.addEventListener("change", settle)
  settle()

  return {
    list,
    /** Say everywhere how many are here. */
    count(number) {
      button.querySelector(".n").textContent = number
      button.setAttribute("aria-label", `People, ${number} here`)
      for (const heading of document.querySelectorAll(".here-count")) heading.textContent = `${number} here`
    },
    close() {
      if (sheet.open) sheet.close()
    },
  }
}
