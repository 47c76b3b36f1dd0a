// What can be done about a message or a person by a press, as the lines one would type. Only what one may, and what fits.

import { atName } from "./commands.js"

const ROLES = ["guest", "member", "moderator", "owner", "admin"]

/**
 * The groups of the menu of a message: {words, line, wait?, danger?}. With `wait` the line is put into the composer,
 * for there is more to say; without, it is sent. `may(name)` tells which commands one may run here; `muted` is as far
 * as the page knows.
 */
export function onMessage({ seq, name, role, mine, pinned, muted }, you, may) {
  const over = !mine && isOver(you, role)
  return offered(may, [
    [
      pinned
        ? { command: "unpin", words: "Unpin", rest: seq }
        : { command: "pin", words: "Pin", rest: seq },
      !mine && { command: "report", words: "Report…", rest: seq, wait: true },
    ],
    [over && { command: "delete", needs: "kill", words: "Remove message", rest: seq, danger: true }, ...ruling(name, over, muted)],
    [over && { command: "purge", words: "Purge from here", rest: `from ${seq}`, danger: true }],
  ])
}

/** The groups of the menu of a person; `muted`, `voiced` and `ignored` as far as the page knows. */
export function onPerson(person, you, may, room) {
  const { name, role, guest } = person
  const self = person.id === you.id
  const at = atName(name)
  const over = !self && isOver(you, role)
  if (self) return offered(may, [[{ command: "whois", words: "Who you are here", rest: at }]])
  return offered(may, [
    [
      !room.direct && !guest && { command: "msg", words: "Message", rest: at },
      { command: "whois", words: "Who is this", rest: at },
      room.ignored
        ? { command: "unignore", words: "Ignore no more", rest: at }
        : { command: "ignore", words: "Ignore", rest: at },
    ],
    [
      over && room.moderated && !room.voiced && { command: "voice", words: "Give a voice", rest: at },
      over && room.moderated && room.voiced && { command: "devoice", words: "Take the voice", rest: at },
      !guest && role === "member" && { command: "op", words: "Make a moderator", rest: at },
      over && role === "moderator" && { command: "deop", words: "Make a member again", rest: at },
    ],
    [
      ...ruling(name, over, room.muted),
      over && { command: "purge", words: "Purge messages…", rest: at, wait: true, danger: true },
    ],
  ])
}

function ruling(name, over, muted) {
  const at = atName(name)
  if (!over) return []
  return [
    muted
      ? { command: "unmute", words: "Unmute", rest: at }
      : { command: "mute", words: "Mute…", rest: `${at} 10m`, wait: true },
    { command: "kill", words: "Kick…", rest: at, wait: true, danger: true },
    { command: "ban", words: "Ban…", rest: at, wait: true, danger: true },
  ]
}

function isOver(you, role) {
  return ROLES.indexOf(you.role) > ROLES.indexOf(role || "member")
}

function offered(may, groups) {
  return groups.map((group) =>
    group
      .filter((item) => item && may(item.command) && may(item.needs ?? item.command))
      .map(({ command, words, rest, wait, danger }) => ({
        words,
        wait,
        danger,
        line: `/${command} ${rest}${wait ? " " : ""}`,
      })),
  )
}
