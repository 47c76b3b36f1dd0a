// Where one stands in a command line, and what could come next. Nothing here touches the page.

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
  const tokens = [...before.slice(start).matchAll(/"[^"]*"?|\S+/g)]
  const inside = tokens.length && !/\s$/.test(before) ? tokens.at(-1) : null
  const index = inside ? tokens.length - 1 : tokens.length
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
    argument: index > last && !whole ? null : argument,
    form: formOf(command, tokens[0]?.[0] ?? ""),
    query: inside ? inside[0].replace(/^["@]+/, "").toLowerCase() : "",
    from: inside ? start + inside.index : before.length,
    to: before.length,
  }
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

/** The tokens of a usage line after the name: "@user", "[reason]". */
export function usageTokens(command) {
  return command.arguments.map((argument) => argument.usage)
}

/** What may stand for an argument: people by when they last spoke, rooms, words of a choice, commands, lengths of time. */
export function candidates(where, { commands, people, rooms = [], spoke, you }) {
  const { argument, command, query } = where
  switch (argument?.kind) {
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
    case "choice":
      return (argument.choices ?? [])
        .filter((one) => one.startsWith(query))
        .map((one) => ({ insert: one, name: one }))
    case "command":
      return fitting(commands, query.replace(/^\//, "")).map((one) => ({
        insert: one.name,
        name: `/${one.name}`,
        does: one.help,
      }))
    case "duration":
      return [
        ["10m", "10 minutes"],
        ["1h", "one hour"],
        ["1d", "one day"],
      ]
        .filter(([one]) => one.startsWith(query))
        .map(([insert, does]) => ({ insert, name: insert, does }))
    default:
      return []
  }
}

function persons(command, query, people, spoke, you) {
  const acting = command.group === "Moderation"
  return people
    .filter((person) => person.name.toLowerCase().startsWith(query) && (person.id !== you.id || acting))
    .sort(
      (one, other) =>
        (spoke.get(String(other.id)) ?? "").localeCompare(spoke.get(String(one.id)) ?? "") ||
        one.name.localeCompare(other.name),
    )
    .map((person) => ({
      insert: atName(person.name),
      person,
      spoke: spoke.get(String(person.id)),
      barred: acting ? barred(person, you) : "",
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
