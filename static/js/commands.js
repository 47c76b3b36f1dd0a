// Where one stands in a command line, and what could come next. Nothing here touches the page.

import { plural } from "./dom.js"

const ROLES = ["guest", "member", "moderator", "owner", "admin"]

/** null outside a command; {at: "name", query} or {at: "argument", command, index, query, from, to}. */
export function stage(text, caret, commands) {
  if (!text.startsWith("/") || text.startsWith("//") || text.includes("\n")) return null
  const before = text.slice(0, caret)
  const name = /^\/(\S*)$/.exec(before)
  if (name) return /^\/\S*$/.test(text) ? { at: "name", query: name[1].toLowerCase() } : null
  const word = /^\/(\S+)\s+/.exec(before)
  const command = word && called(commands, word[1].toLowerCase())
  return command ? argumentAt(before, word[0].length, command) : null
}

function called(commands, name) {
  return commands.find((command) => command.name === name || command.aliases.includes(name))
}

function argumentAt(before, start, command) {
  const all = [...before.slice(start).matchAll(/"(?:\\"|[^"])*"?|\S+/g)]
  const inside = all.length && !/(?:^|[^\\])\s$/.test(before) ? all.at(-1) : openQuote(all.at(-1))
  const tokens = withoutOptions(all, command)
  const index = inside && tokens.at(-1) === inside ? tokens.length - 1 : tokens.length
  const positional = placesOf(command, tokens[0]?.[0] ?? "")
  const last = positional.length - 1
  const here = Math.min(index, Math.max(last, 0))
  const argument = positional[here] ?? null
  // Words to the end of the line are one argument, however many there are.
  const whole = argument?.rest && index >= last && last >= 0
  return {
    at: "argument",
    command,
    index: here,
    argument: optionAt(all, inside, command) ?? (index > last && !whole ? null : argument),
    form: formOf(command, tokens[0]?.[0] ?? ""),
    query: inside ? inside[0].replace(/^["@]+/, "").toLowerCase() : "",
    from: inside ? start + inside.index : before.length,
    to: before.length,
  }
}

/** A name in quotes that are not closed yet goes on behind a space. */
function openQuote(token) {
  return token && /^"(?:\\"|[^"])*$/.test(token[0]) ? token : null
}

/** The words that fill places: no option, and no value of one. */
function withoutOptions(tokens, command) {
  const names = optionNames(command)
  return tokens.filter(
    ([word], at) => !(word.startsWith("--") && names.length) && !names.includes(tokens[at - 1]?.[0]),
  )
}

/** The option whose name or value is being typed. */
function optionAt(tokens, inside, command) {
  const names = optionNames(command)
  if (!names.length) return null
  if (inside?.[0].startsWith("--")) return { kind: "option", name: "option", usage: "", choices: names }
  const before = tokens.at(inside ? -2 : -1)?.[0]
  return command.arguments.find(({ option, name }) => option && `--${name}` === before) ?? null
}

function optionNames(command) {
  return command.arguments.filter(({ option }) => option).map(({ name }) => `--${name}`)
}

/** The places to fill from left to right. A room that may stay away is told from a person by its sign. */
function placesOf(command, first) {
  const places = command.arguments.filter((argument) => !argument.option)
  const [room, next] = places
  if (room?.kind !== "room" || next?.kind !== "member") return places
  return first.startsWith("#") ? [room] : places.slice(1)
}

/** Which of its forms a command has with these first letters; null where it has one only. */
function formOf(command, first) {
  const begins = !first || first.startsWith("#") ? first.slice(0, 1) : "@"
  return command.forms?.find((form) => form.begins === begins) ?? null
}

/** Whether one may do to a person what a command does to them. */
export function mayToPeople(command, you) {
  const form = command.forms?.find(({ begins }) => begins === "@")
  return !form || ROLES.indexOf(you.role) >= ROLES.indexOf(form.role)
}

/** The commands that fit what is typed: those that begin so, then those that contain it. */
export function fitting(commands, query) {
  const names = (command) => [command.name, ...command.aliases]
  const begins = commands.filter((command) => names(command).some((name) => name.startsWith(query)))
  const holds = commands.filter(
    (command) => !begins.includes(command) && query.length > 1 && command.name.includes(query),
  )
  const found = [...begins, ...holds]
  // An exact name is what was meant, so it stands first and is chosen.
  return query ? found.sort((one, other) => (other.name === query) - (one.name === query)) : found
}

/**
 * The pieces of a usage line after the name, "@user", "[reason]": {text, now}. The one being typed is `now`, where the
 * pieces and the places are as many.
 */
export function usagePieces({ command, index, argument, form }) {
  const usage = usageOf(command, form)
  const pieces = usage.match(/(?:\[[^\]]*\]|[^\s[])+/g) ?? []
  const places = placesOf(command, form?.begins ?? "").length
  const plain = pieces.filter((text) => !text.startsWith("[--"))
  const isTold = plain.length === places && argument && !argument.option && argument.kind !== "option"
  return pieces.map((text) => ({ text, now: Boolean(isTold && text === plain[index]) }))
}

/** What may follow the name: of several forms, the one that has begun. */
function usageOf(command, form) {
  const usage = command.usage.slice(command.name.length + 2)
  if (!form?.begins) return usage
  return usage.split(" or ").find((one) => one.replace(/^\[/, "").startsWith(form.begins)) ?? usage
}

const LENGTHS = {
  slowmode: ["5s", "30s", "1m", "10m", "1h"],
  ban: ["1h", "1d", "7d", "30d"],
  invitelink: ["1h", "1d", "7d"],
}
const UNITS = { s: "second", m: "minute", h: "hour", d: "day" }

/** What may stand for an argument: people by when they last spoke, rooms, words of a choice, commands, lengths of time. */
export function candidates(where, context) {
  const { argument, command, index } = where
  if (!argument) return []
  const others = command.arguments.filter(({ option }) => !option)
  // Where nothing must stand first, any of the forms may be meant.
  const kinds =
    index === 0 && !argument.option && argument.kind === "number" && others.every(({ required }) => !required)
      ? others.filter(({ kind }) => ["member", "choice"].includes(kind))
      : [argument]
  return kinds.flatMap((one) => standing(one, where, context))
}

function standing(argument, { command, query }, { commands, people, rooms = [], spoke, you }) {
  switch (argument.kind) {
    case "member":
      if (!mayToPeople(command, you)) return []
      return persons(command, query, people, spoke, you)
    case "room":
      return rooms
        .filter((one) => one.slug.startsWith(query.replace(/^#/, "")))
        .map((one) => ({
          insert: `#${one.slug}`,
          name: `#${one.slug}`,
          does: one.title === one.slug ? "" : one.title,
        }))
    case "command":
      return fitting(commands, query.replace(/^\//, "")).map((one) => ({
        insert: one.name,
        name: `/${one.name}`,
        does: one.help,
      }))
    default: {
      const lengths = /\d+m\b/.test(argument.usage) ? (LENGTHS[command.name] ?? ["10m", "1h", "1d"]) : []
      return [
        ...lengths.map((one) => ({ insert: one, name: one, does: lengthOf(one) })),
        ...(argument.choices ?? []).map((one) => ({ insert: one, name: one })),
      ].filter(({ insert }) => insert.startsWith(query))
    }
  }
}

function lengthOf(length) {
  return plural(parseInt(length, 10), UNITS[length.at(-1)], `${UNITS[length.at(-1)]}s`)
}

// What names somebody only to look, or to take something back.
const NOT_OVER = new Set(["log", "undo"])

function persons(command, query, people, spoke, you) {
  const acting = command.group === "Moderation" && !NOT_OVER.has(command.name)
  return people
    .filter((person) => person.name.toLowerCase().startsWith(query) && (person.id !== you.id || command.group === "Moderation"))
    .sort(
      (one, other) =>
        (spoke.get(String(other.id)) ?? "").localeCompare(spoke.get(String(one.id)) ?? "") ||
        one.name.localeCompare(other.name),
    )
    .map((person) => ({
      insert: atName(person.name),
      person,
      spoke: spoke.get(String(person.id)),
      barred: acting ? barred(person, you) : command.name === "msg" && person.role === "guest" ? "a guest" : "",
    }))
    .sort((one, other) => Boolean(one.barred) - Boolean(other.barred))
}

/** Why somebody cannot be acted on; empty where they can. */
function barred(person, you) {
  if (person.id === you.id) return "that would be you"
  if (ROLES.indexOf(person.role) < ROLES.indexOf(you.role)) return ""
  if (person.role === you.role) return `${/^[aeio]/.test(person.role) ? "an" : "a"} ${person.role} like you`
  return person.role === "owner" ? "the owner" : `${/^[aeio]/.test(person.role) ? "an" : "a"} ${person.role}`
}

/** A name as it is typed: in quotes where a space or a quote is in it. */
export function atName(name) {
  return /[\s"]/.test(name) ? `"${name.replaceAll('"', '\\"')}"` : `@${name}`
}

/** "Moderator" for the last column of the menu. */
export function whoMay(role) {
  return role === "member" || role === "guest" ? "Everyone" : role[0].toUpperCase() + role.slice(1)
}
