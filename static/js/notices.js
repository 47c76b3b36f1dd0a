// What only you see. It stands in the log until put away, and is never stored.

import { clone, element } from "./dom.js"
import { spoiler } from "./message.js"

// An invitation, or a way to a new password: shown once.
const TO_HAND_ON = /^https?:\/\/\S+\/(?:join|reset)\/[\w-]+$/
// A message in the answer to /history whose words are hidden: its time and name, and the words.
const HIDDEN = /^(\d\d:\d\d [^\n]*?: )\|\|([^]+?)\|\|$/m

/** A line with a text and, below it, buttons: [words, does], the last the least likely one. `qr` is drawn under the text. */
export function notice(text, buttons = [], qr = []) {
  const line = clone("notice-template")
  line.querySelector(".said").append(...hiding(text))
  if (qr.length) line.querySelector(".said").append(drawn(qr))
  const row = line.querySelector(".row")
  const made = buttons.map(([words, does], index) => {
    const button = element(
      "button",
      index && index === buttons.length - 1 ? "text-button" : "small-button",
      words,
    )
    button.type = "button"
    button.addEventListener("click", () => {
      line.remove()
      does()
    })
    return button
  })
  if (made.length) row.append(...made)
  else row.remove()
  return line
}

/** Anything with [data-away] in a notice takes the notice away. */
export function putAway(event) {
  if (!event.target.closest("[data-away]")) return
  event.target.closest(".notice").remove()
}

/** A QR code from its rows, in which 1 is a dark square. */
function drawn(rows) {
  const frame = clone("qr-template")
  const squares = rows.flatMap((row, y) => [...row].map((dark, x) => (dark === "1" ? `M${x} ${y}h1v1h-1z` : "")))
  frame.querySelector("svg").setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`)
  frame.querySelector("path").setAttribute("d", squares.join(""))
  return frame
}

/** The paragraphs, and between them what stays hidden until it is asked for, as in the log. */
function hiding(text) {
  const pieces = text.split(HIDDEN)
  if (pieces.length === 1) return paragraphs(text)
  const nodes = []
  for (let at = 0; at < pieces.length; at += 3) {
    const words = (pieces[at] + (pieces[at + 1] ?? "")).replace(/^\n|\n$/g, "")
    if (words) nodes.push(...paragraphs(words))
    if (at + 2 < pieces.length) nodes.push(spoiler(pieces[at + 2]))
  }
  return nodes
}

function paragraphs(text) {
  return text.split(/\n{2,}/).map((block) => {
    const paragraph = element("p")
    const lines = block.split("\n")
    for (const [index, line] of lines.entries())
      paragraph.append(index && !TO_HAND_ON.test(lines[index - 1]) ? "\n" : "", ...pieces(line))
    return paragraph
  })
}

/** What can be typed is set as it is typed: `in backticks`, or the head of a line of help. */
function pieces(line) {
  if (TO_HAND_ON.test(line)) {
    const link = clone("link-template")
    link.querySelector("code").textContent = line
    return [link]
  }
  const help = /^(\/\S.*?)( · .*)$/.exec(line)
  if (help) return [element("span", "command", help[1]), help[2]]
  return line.split("`").flatMap((piece, index) => (index % 2 ? element("code", "", piece) : linked(piece)))
}

/** The ways to another place of this site are links. */
function linked(words) {
  return words.split(/(?<=^|\s)(\/(?:rooms|join|reset)\/[\w~-]+(?:\?at=\d+(?:#m\d+)?)?)(?=$|\s)/).map((piece, index) => {
    if (index % 2 === 0) return piece
    const link = element("a", "", piece)
    link.href = piece
    return link
  })
}
