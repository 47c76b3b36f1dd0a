// From the composer to the outbox, from the outbox to the log, and back where something was refused.

import { atName } from "./commands.js"
import { keep } from "./dom.js"
import { notice } from "./notices.js"

export function speaking(room, toolbar) {
  const { list, composer, outbox, draft, slug, you } = room
  const { menu } = composer
  const commands = commandSource(slug, () => {
    menu.renew()
    toolbar.renew()
  })
  const leading = new Set()

  menu.source = {
    commands: commands.now,
    people: () => room.people.list.people,
    rooms: () => room.index.rooms(),
    spoke: list.spoke,
    you,
  }
  menu.attach(composer.field)
  room.commands = commands

  const unsent = draft.read()
  if (unsent && !composer.text) composer.text = unsent

  composer.addEventListener("composer:changed", ({ detail }) => draft.write(detail.text))
  addEventListener("pagehide", () => draft.writeNow(composer.draft))
  composer.addEventListener("composer:typing", () => room.socket.send({ type: "typing" }))
  composer.addEventListener("composer:say", ({ detail }) => say(detail))
  composer.addEventListener("composer:edit", ({ detail }) => outbox.add({ kind: "edit", ...detail }))
  composer.addEventListener("composer:editlast", () => editLast(room))

  list.addEventListener("message:reply", ({ detail }) => composer.reply(detail.seq, detail.name, detail.gist))
  list.addEventListener("message:edit", ({ detail }) => composer.edit(detail.seq, detail.text))
  list.addEventListener("message:remove", ({ detail }) => outbox.add({ kind: "remove", target: detail.seq }))
  list.addEventListener("message:link", async ({ detail }) => {
    const done = await toolbar.link(slug, list.line(detail.seq))
    list.notice(
      notice(
        done
          ? "The link to the message is copied."
          : "The link could not be copied. It is the time beside the message.",
      ),
    )
  })
  list.addEventListener("message:again", ({ detail }) => resend(detail.nonce))
  list.addEventListener("message:discard", ({ detail }) => discard(detail.nonce))
  list.addEventListener("message:rewrite", ({ detail }) => {
    const item = outbox.find(detail.nonce)
    if (!item) return
    if (composer.text.trim()) return composer.focus()
    discard(detail.nonce)
    composer.giveBack(item.text)
    composer.focus()
  })
  list.addEventListener("log:undo", ({ detail: { whose, newer } }) => {
    const line = whose ? `/undo ${atName(whose)}` : "/undo"
    if (!newer) return room.type(line)
    const text = "Something was done after this. The newest act is taken back first; do it again for the one before."
    return list.notice(notice(text, [["Take the newest back", () => room.type(line)]]))
  })
  list.addEventListener("click", (event) => {
    const fill = event.target.closest("[data-fill]")
    if (!fill) return
    composer.text = fill.dataset.fill
    composer.focus()
    menu.look()
  })
  outbox.addEventListener("changed", () => {
    for (const item of outbox.items) if (shown(item)) list.status(item)
    room.banner.waits(outbox.waiting.filter((item) => item.kind === "say").length)
  })
  outbox.addEventListener("sent", ({ detail: { item, ack } }) => sent(item, ack))
  outbox.addEventListener("held", ({ detail: { item, error } }) => {
    list.status({ ...item, state: "waiting" }, error.message)
    pause(error)
  })
  outbox.addEventListener("refused", ({ detail: { item, error } }) => refused(item, error))

  for (const item of outbox.items) if (item.kind === "say") list.pend(item, true)

  function say({ text, reply_to }) {
    const alone = ALONE.find(([line]) => line.test(text))
    if (alone) return alone[1](room)
    if (room.view.away && !isCommand(text)) room.view.toLatest()
    list.unfresh()
    const item = outbox.add({ kind: "say", text, reply_to })
    if (LEADS.test(text)) leading.add(item.nonce)
    if (!isCommand(text) || !room.socket.live) list.pend(item)
    // A command is answered at once; where it is not, it is seen waiting.
    else setTimeout(() => outbox.find(item.nonce) && !list.pending(item.nonce) && list.pend(item), 700)
    return undefined
  }

  /** Send a line that was chosen, not typed: refused, it does not come back into the composer. */
  room.type = (text) => {
    const item = outbox.add({ kind: "say", text, byButton: true })
    if (LEADS.test(text)) leading.add(item.nonce)
  }

  /** Go where a command leads that one typed here just now. */
  room.led = (frame) => {
    const [path] = /\/rooms\/\S+$/.exec(frame.text) ?? []
    if (!leading.delete(frame.nonce) || !path) return false
    location.assign(path)
    return true
  }

  function sent(item, ack) {
    if (item.kind !== "say") return
    const drawn = ack.seq && list.line(ack.seq)
    if (isCommand(item.text) || drawn || (ack.seq && ack.seq <= room.socket.last)) list.drop(item.nonce)
    else markSent(item)
  }

  /** Committed, and on its way back: no longer waiting, not numbered yet. */
  function markSent(item) {
    const line = list.pending(item.nonce)
    line?.classList.remove("queued")
    line?.classList.add("pending")
    line?.querySelector(".status")?.remove()
  }

  function refused(item, error) {
    pause(error)
    if (item.kind === "say" && !isCommand(item.text)) {
      if (error.code !== "rate_limited" || !composer.giveBack(item.text)) return list.status(item, error.message)
      return discard(item.nonce)
    }
    outbox.discard(item.nonce)
    list.drop(item.nonce)
    const typed = item.kind !== "remove" && !item.byButton
    const back = typed && composer.giveBack(item.text)
    const again = typed && !back && isCommand(item.text) ? [["Change what was typed", () => composer.prepare(item.text)]] : []
    const told = notice(error.message, [...ways(item, error, back), ...again])
    // One thing at a time is asked about: which line a press confirms is never a question.
    if (error.code === "confirm_required") list.ask(told)
    else list.notice(told)
    return undefined
  }

  /** Too fast: the composer says for how long. */
  function pause({ code, retry_after }) {
    if (code === "rate_limited" && retry_after) room.pause(Date.now() + retry_after * 1_000)
  }

  /** What can be done about a refusal: the near command, or the words as words. */
  function ways(item, error, back) {
    const [, sure] = (error.code === "confirm_required" && /To confirm: (\/.+) \(\d+ s\)/.exec(error.message)) || []
    if (sure) {
      const confirm = () => {
        if (back && composer.text === item.text) composer.text = ""
        draft.write(composer.draft)
        room.type(sure)
      }
      return [[`Confirm with ${sure}`, confirm]]
    }
    if (error.code !== "unknown_command") return []
    const [, meant = ""] = /Did you mean (.*)\?/.exec(error.message) ?? []
    const uses = meant.match(/\/[^\s,?]+/g) ?? []
    const asked = ASKS.exec(item.text)
    const use = (name) => {
      composer.text = asked ? asked[1] + name.slice(1) : item.text.replace(/^\/\S+/, name)
      composer.focus()
      menu.look()
    }
    const send = () => {
      if (back && composer.text === item.text) composer.text = ""
      draft.write(composer.draft)
      say({ text: `/${item.text}` })
    }
    const ways = uses.map((name) => [`Use ${name}`, () => use(name)])
    return asked ? ways : [...ways, ["Send as a message", send]]
  }

  function resend(nonce) {
    const item = outbox.find(nonce)
    if (!item) return
    list.drop(nonce)
    outbox.again(nonce)
    const renewed = outbox.items.at(-1)
    if (renewed && !list.pending(renewed.nonce)) list.pend(renewed)
  }

  function discard(nonce) {
    outbox.discard(nonce)
    list.drop(nonce)
  }

  function shown(item) {
    return item.kind === "say" && list.pending(item.nonce) && item.state !== "failed"
  }
}

// What to type to be somewhere else; with words for somebody one stays here.
const LEADS = /^\/(join|create|jump|((msg|dm|query)\s+("[^"]*"|\S+)\s*$))/i

// It is the one asked about that is not known.
const ASKS = /^(\/(?:help|\?|commands)\s+)\S/i

/** What only this page can do is done here, and never sent. */
const ALONE = [
  [/^\/(shortcuts|keys)\s*$/i, () => document.getElementById("keys").showModal()],
  [/^\/(cls|clear\s+me)\s*$/i, ({ list }) => emptyView(list)],
  [/^\/edit\s*$/i, (room) => editLast(room)],
  [/^\/logout\s*$/i, () => document.querySelector("form.leave").submit()],
  [
    /^\/settings\s*$/i,
    ({ slug, you }) =>
      location.assign(["owner", "admin"].includes(you.role) ? `/rooms/${slug}/settings` : "/me"),
  ],
]

/** Empty one's own view, nobody else's; one press brings it back. */
function emptyView(list) {
  const lines = [...list.querySelectorAll(".spine > :not([hidden])")]
  for (const line of lines) line.hidden = true
  const back = () => lines.forEach((line) => (line.hidden = false))
  list.notice(notice("Your view is empty, nobody else's.", [["Bring it back", back]]))
}

function editLast({ list, composer }) {
  const last = list
    .messages()
    .filter((line) => line.dataset.text !== undefined && line.dataset.seq && line.matches(":not(.action)"))
    .at(-1)
  if (last) composer.edit(Number(last.dataset.seq), last.dataset.text)
}

function isCommand(text) {
  return /^\/([^\W\d_]|\?(\s|$))/u.test(text)
}

/**
 * The commands one may run here, asked for again when one's role changes; `changed()` is told that they are others.
 * `known()` waits for the first answer where none is kept from an earlier visit.
 */
function commandSource(slug, changed) {
  let known = []
  let asked = 0
  const key = `aiochat:commands:${slug}`
  const ask = async () => {
    asked += 1
    const question = asked
    const answer = await fetch(`/api/commands?room=${encodeURIComponent(slug)}`, {
      headers: { accept: "application/json" },
    }).catch(() => null)
    const told = answer?.ok ? await answer.json().catch(() => null) : null
    // An answer that comes after a later question is of a role one had before.
    if (!told || question !== asked) return
    const before = JSON.stringify(known)
    known = told.commands
    const now = JSON.stringify(known)
    keep.set(key, now)
    if (now !== before) changed()
  }
  try {
    known = JSON.parse(keep.get(key)) ?? []
  } catch {
    known = []
  }
  const first = ask()
  return { now: () => known, ask, known: async () => known.length || first }
}
