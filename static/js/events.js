// What the house says: the server's sentences, cloned and filled, and one line for many comings and goings.

import { clone, plural } from "./dom.js"
import { clock, end, length } from "./time.js"

const RULINGS = new Set([
  "kicked",
  "banned",
  "unbanned",
  "muted",
  "unmuted",
  "role",
  "cleared",
  "purged",
  "undone",
  "topic",
  "settings",
  "audit",
])

const PRESENCE = new Set(["joined", "left", "added"])

/** Whether a line tells of somebody coming or going by themselves; several of them are one sentence. */
export function isPresence(line) {
  return Boolean(line && PRESENCE.has(line.dataset.kind) && line.dataset.by === line.dataset.user)
}

/** The line of an entry, or null where nothing is said of it. */
export function build(entry) {
  const template = document.querySelector(`template[data-said="${sentenceOf(entry)}"]`)
  if (!template) return null
  const line = clone("event-template")
  line.classList.toggle("ruling", RULINGS.has(entry.type))
  line.classList.toggle("cleared", entry.type === "cleared")
  line.id = `m${entry.seq}`
  Object.assign(line.dataset, { seq: entry.seq, kind: entry.type, at: entry.at })
  if (entry.by) Object.assign(line.dataset, { by: entry.by.id, byName: entry.by.name })
  if (entry.user) Object.assign(line.dataset, { user: entry.user.id, name: entry.user.name })
  if (entry.target) line.dataset.target = entry.target
  if (entry.undo_until) line.dataset.until = entry.undo_until
  const time = line.querySelector("time")
  time.dateTime = entry.at
  time.textContent = clock(entry.at)
  line.querySelector(".in-measure").append(fill(template, entry))
  if (entry.as_admin) line.querySelector(".in-measure").append(clone("as-admin-template"))
  return line
}

/** Which sentence an entry takes; templates/chat/_event.html chooses by the same rule. */
function sentenceOf(entry) {
  switch (entry.type) {
    case "role":
      if (entry.voiced !== undefined && entry.voiced !== null) return `role-${entry.voiced ? "voiced" : "devoiced"}`
      return `role-${entry.by.id === entry.user.id ? "own-" : ""}${["owner", "moderator"].includes(entry.role) ? entry.role : "member"}`
    case "topic":
      return entry.topic ? "topic" : "topic-none"
    case "left":
      return entry.lost ? "left-lost" : "left"
    case "added":
      return entry.by.id === entry.user.id ? "added" : "added-by"
    case "undone":
      return ["cleared", "purged", "removed"].includes(entry.act) ? `undone-${entry.act}` : "undone"
    case "audit":
      return ["report", "resolved"].includes(entry.act) ? `audit-${entry.act}` : "audit"
    case "purged":
      return entry.user ? "purged-of" : "purged"
    case "settings":
      return settingOf(entry.changed ?? {})
    default:
      return entry.type
  }
}

function settingOf({ destroyed, offered, slug, title, switches = {} }) {
  if (destroyed) return "settings-destroyed"
  if (offered) return "settings-offered"
  if (slug) return "settings-moved"
  if (Object.keys(switches).length > 1) return "settings-several"
  if ("archived" in switches) return `settings-${switches.archived ? "archived" : "unarchived"}`
  if ("private" in switches) return `settings-${switches.private ? "private" : "public"}`
  if ("invite_by" in switches) return `settings-${switches.invite_by === "member" ? "all-invite" : "few-invite"}`
  if ("locked" in switches) return `settings-${switches.locked ? "locked" : "unlocked"}`
  if ("moderated" in switches) return `settings-${switches.moderated ? "moderated" : "open"}`
  if ("slow_mode" in switches) return `settings-${switches.slow_mode ? "slow" : "quick"}`
  if ("history_from_join" in switches) return `settings-${switches.history_from_join ? "newcomers" : "all-read"}`
  if (Object.keys(switches).length) return "settings-several"
  return title ? "settings-titled" : "settings"
}

/** All that was set at once; templates/chat/_event.html has the words for each. */
function settingsOf(switches) {
  return [...document.getElementById("switches-template").content.querySelectorAll("[data-switch]")]
    .filter(({ dataset }) => dataset.switch in switches)
    .map(({ dataset }) => {
      const value = switches[dataset.switch]
      const shown = typeof value === "string" ? `${value}s` : length(value)
      return (value ? dataset.on : dataset.off).replace("{}", shown)
    })
    .join(", ")
}

function fill(template, entry) {
  const said = template.content.cloneNode(true)
  for (const slot of said.querySelectorAll("[data-slot]")) {
    const value = slot.dataset.slot.split(".").reduce((inside, name) => inside?.[name], entry)
    const time = slot.querySelector("time")
    if (value === undefined || value === null || value === "") slot.remove()
    else if (time) {
      time.dateTime = value
      time.textContent = end(value)
    } else if (slot.dataset.one) slot.textContent = plural(value, slot.dataset.one, slot.dataset.many)
    else if ("switches" in slot.dataset) slot.textContent = settingsOf(value)
    else if ("length" in slot.dataset) slot.textContent = length(value)
    else slot.textContent = value.name ?? value
  }
  return said
}

/** "kofi, priya and 4 more came in, sam left" of a run of joined and left lines. */
export function presenceGist(lines) {
  const people = new Map()
  for (const { dataset } of lines) {
    const kind = dataset.kind === "added" ? "joined" : dataset.kind
    const known = people.get(dataset.user) ?? { first: kind, member: false }
    people.set(dataset.user, {
      ...known,
      last: kind,
      name: dataset.name,
      member: known.member || dataset.kind === "added",
    })
  }
  const all = [...people.values()]
  const fresh = all.filter((one) => one.member && one.last === "joined").map((one) => one.name)
  const said = [
    ["came in", "joined", "joined"],
    ["left", "left", "left"],
    ["came and went", "joined", "left"],
    ["left and came back", "left", "joined"],
  ].map(([words, first, last]) => {
    const names = all
      .filter((one) => one.first === first && one.last === last && !fresh.includes(one.name))
      .map((one) => one.name)
    return names.length ? `${several(names)} ${words}` : ""
  })
  return [fresh.length ? `${several(fresh)} joined the room` : "", ...said].filter(Boolean).join(", ")
}

/** ann · ann and bob · ann, bob and kofi · ann, bob and 4 more */
export function several(names, most = 2) {
  if (names.length <= 1) return names.join("")
  if (names.length <= most + 1) return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`
}
