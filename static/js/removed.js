// Shown out of a room: the time left, and the words that were half written.

import "./page.js"
import { copy } from "./dom.js"
import { Draft } from "./drafts.js"
import { left } from "./time.js"

const place = document.getElementById("removed")
const { slug, you, until } = place.dataset

const draft = new Draft(you, slug).read()
if (draft) {
  const kept = place.querySelector(".draft")
  kept.querySelector(".kept").textContent = draft
  kept.hidden = false
  kept.querySelector("[data-copy]").addEventListener("click", async (event) => {
    const button = event.currentTarget
    button.querySelector("span").textContent = (await copy(draft)) ? "Copied" : "Select and copy it"
  })
}

const back = place.querySelector(".back-in")
const rest = () => new Date(until) - Date.now()
// A day on, a clock says less than a date does.
if (until && back && rest() > 0 && rest() < 24 * 3600_000) countDown()

function countDown() {
  const wait = place.querySelector(".wait")
  wait.querySelector(".at").hidden = true
  wait.querySelector(".in").hidden = false
  const { href } = back
  back.removeAttribute("href")
  back.setAttribute("aria-disabled", "true")
  const timer = setInterval(tick, 500)
  tick()

  function tick() {
    wait.querySelector(".clock").textContent = left(rest())
    if (rest() > 0) return
    clearInterval(timer)
    wait.textContent = "You may come back now."
    back.href = href
    back.removeAttribute("aria-disabled")
    back.classList.add("primary")
  }
}
