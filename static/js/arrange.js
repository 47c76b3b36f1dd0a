// The order of the page over the order of the log: groups of one speaker, days, and in one line each: comings and
// goings, and what people say whom you ignore.

import { clone, plural } from "./dom.js"
import { isPresence, presenceGist } from "./events.js"
import { clock, dayKey, dayWords } from "./time.js"

const TOGETHER = 5 * 60_000

/** Arrange the lines of a log from one of them on; all of them without one. */
export function arrange(spine, from = spine.firstElementChild) {
  let line = startOf(from)
  while (line) {
    const next = line.nextElementSibling
    if (line.matches(".day, .fold")) line.remove()
    line = next
  }
  line = from && from.isConnected ? startOf(from) : spine.firstElementChild
  while (line) {
    if (line.dataset.at) place(line)
    line = line.nextElementSibling
  }
  fold(from && from.isConnected ? startOf(from) : spine.firstElementChild)
}

/** Where a line begins to matter: a run of comings and goings is one sentence, so its first. */
function startOf(line) {
  while (
    line?.previousElementSibling?.matches(".day, .fold") ||
    (isPresence(line) && isPresence(line.previousElementSibling)) ||
    (isUnheard(line) && isUnheard(line.previousElementSibling))
  ) {
    line = line.previousElementSibling
  }
  return line
}

function place(line) {
  const before = timed(line)
  const day = dayKey(line.dataset.at)
  const turned = before ? dayKey(before.dataset.at) !== day : day !== dayKey(Date.now())
  if (turned && !line.previousElementSibling?.matches(".day")) {
    const heading = clone("day-template")
    heading.querySelector("h2").textContent = dayWords(line.dataset.at)
    const fresh = line.previousElementSibling
    if (fresh?.matches(".fresh")) fresh.before(heading)
    else line.before(heading)
  }
  if (line.matches(".message")) line.classList.toggle("first", !follows(line))
}

/** The last line before this one that has a time. */
function timed(line) {
  let before = line.previousElementSibling
  while (before && !before.dataset.at) before = before.previousElementSibling
  return before
}

function follows(line) {
  const before = line.previousElementSibling
  return Boolean(
    before?.matches(".message:not(.action)") &&
    !line.matches(".action") &&
    !line.querySelector(".quote") &&
    before.dataset.by === line.dataset.by &&
    before.dataset.name === line.dataset.name &&
    new Date(line.dataset.at) - new Date(before.dataset.at) < TOGETHER,
  )
}

function fold(line) {
  let run = []
  const close = () => {
    if (isUnheard(run[0])) hush(run)
    else if (run.length > 1) gather(run)
    else if (run.length) run[0].hidden = false
    run = []
  }
  for (; line; line = line.nextElementSibling) {
    if (shownOut(line)) line.hidden = true
    else if (isPresence(line) || isUnheard(line)) {
      if (isUnheard(line) !== isUnheard(run.at(-1))) close()
      run.push(line)
    } else {
      close()
      if ("unheard" in line.dataset) hear(line)
    }
  }
  close()
}

/** Whether a line was said by somebody you ignore. */
function isUnheard(line) {
  return Boolean(line?.matches(".message.ignored"))
}

/** One line for what somebody says whom you ignore; a press shows it. */
function hush(run) {
  for (const line of run) line.dataset.unheard = ""
  const people = new Set(run.map((line) => line.dataset.by)).size > 1 ? "people" : "somebody"
  const summary = summarise(run, `${plural(run.length, "message", "messages")} of ${people} you ignore`)
  summary.classList.add("unheard")
  // Each message more changes the number; nobody who ignores them wants to have that read out.
  summary.setAttribute("aria-live", "off")
}

/** They are heard again. */
function hear(line) {
  line.hidden = false
  delete line.dataset.unheard
  delete line.dataset.opened
}

/** Show a line that lies folded away. */
export function reveal(line) {
  if (!line.hidden) return
  let before = line.previousElementSibling
  while (before && !before.matches(".fold")) before = before.previousElementSibling
  before?.querySelector("button[aria-expanded=false]")?.click()
}

/** Of somebody who was removed nobody needs to hear that they left. */
function shownOut(line) {
  if (line.dataset.kind !== "left") return false
  let before = line.previousElementSibling
  while (before && before.dataset.user !== line.dataset.user) before = before.previousElementSibling
  return !!before?.matches("[data-kind=kicked], [data-kind=banned]")
}

function gather(run) {
  const joined = run.find((line) => line.dataset.kind === "added")
  if (
    joined &&
    run.every((line) => line.dataset.user === joined.dataset.user && line.dataset.kind !== "left")
  ) {
    // One person's first coming is one sentence already.
    for (const line of run) line.hidden = line !== joined
    return
  }
  summarise(run, presenceGist(run))
}

/** Put one line in the place of several, with a button to see them all. */
function summarise(run, gist) {
  const opened = run[0].dataset.opened === "1"
  const summary = clone("fold-template")
  const button = summary.querySelector("button")
  const time = summary.querySelector("time")
  summary.querySelector(".gist").textContent = gist
  time.dateTime = run.at(-1).dataset.at
  time.textContent = clock(run.at(-1).dataset.at)
  const open = (yes) => {
    button.setAttribute("aria-expanded", String(yes))
    button.textContent = yes ? "Hide" : "Show"
    for (const line of run) {
      line.hidden = !yes
      line.dataset.opened = yes ? "1" : ""
    }
  }
  button.addEventListener("click", () => open(button.getAttribute("aria-expanded") !== "true"))
  open(opened)
  run[0].before(summary)
  return summary
}
