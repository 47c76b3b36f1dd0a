// What the line says, put where it belongs.

import { Draft } from "./drafts.js"
import { notice } from "./notices.js"
import { Notices } from "./notify.js"
import { countReports } from "./reports.js"
import { Silence } from "./silence.js"
import { OwnStatus } from "./status.js"

const TOLD = new Set(["cleared", "purged"])
const AGAIN = 2_000

export function frames(room) {
  const silence = new Silence(room.composer, room.you, () => room.list.lastOf(room.you.id))
  const { page, slug, you, list, composer, index, people, title, socket, outbox, typing, banner, view } = room
  const { reading, ignored } = room
  room.switches = () => silence.switches
  room.pause = (until) => silence.pause(until)
  const telling = new Notices(room, (text) => outbox.add({ kind: "say", text, byButton: true }))
  const own = new OwnStatus(composer.querySelector(".own"), {
    type: (text) => outbox.add({ kind: "say", text, byButton: true }),
    quiet: (yes) => {
      title.quiet(yes)
      telling.quiet(yes)
    },
  })
  let looking = 0

  socket.addEventListener("hello", ({ detail: hello }) => {
    Object.assign(you, { name: hello.you.name })
    setRole(hello.you.role)
    people.list.meet(hello.here)
    people.list.change(hello.you, { role: hello.you.role })
    reading.marked(hello.read)
    if (hello.limits?.text) composer.dataset.limit = hello.limits.text
    headOf(hello.room)
    silence.greeted(hello)
    telling.greeted(hello)
    own.show(hello.you.status)
    ignore(hello.ignored ?? [])
  })
  socket.addEventListener("live", () => {
    banner.up()
    outbox.up()
    reading.look()
  })
  socket.addEventListener("down", ({ detail }) => {
    outbox.down()
    banner.down(detail.until)
  })
  socket.addEventListener("reload", reload)
  socket.addEventListener("over", ({ detail }) => over(detail))
  socket.addEventListener("frame", ({ detail }) =>
    detail.seq && !PASSING.has(detail.type) ? numbered(detail) : PASS[detail.type]?.(detail),
  )
  document.addEventListener("people:changed", ({ detail }) => people.count(detail.count))
  people.count(people.list.count)

  const PASSING = new Set(["ack", "read"])
  const PASS = {
    ack: (frame) => outbox.answered(frame),
    error: (frame) => (frame.nonce && outbox.refused(frame)) || list.notice(notice(frame.message)),
    notice: (frame) => {
      if (frame.nonce) outbox.answered(frame)
      if (!room.led(frame)) list.notice(notice(frame.text, [], frame.qr))
    },
    typing: ({ user }) => ignored.has(user.id) || typing.hear(user),
    ignored: (frame) => ignore(frame.ids),
    here: (frame) => people.list.differ(frame) || howTheyStand(),
    status: ({ user, status }) => {
      people.list.says(user, status)
      if (user.id === you.id) own.show(status)
    },
    read: (frame) => reading.marked(frame.seq),
    unread: async (frame) => {
      const before = index.standing(frame.room)
      // How loud a room may be, and whether it is somebody alone, is known once the room is.
      await index.update(frame)
      telling.elsewhere(frame, before)
      elsewhere()
    },
    belongs,
    notify: (frame) => {
      telling.heard(frame)
      elsewhere()
    },
  }

  /** A room is yours, or no more; somebody may have invited you. */
  function belongs({ room: of, title: called, member, by }) {
    if (member) index.learn(of)
    else index.forget(of)
    elsewhere()
    if (!by || of === slug || ignored.has(by.id)) return
    list.notice(notice(member ? `${by.name} brought you into ${called}: /rooms/${of}` : `${by.name} took you out of ${called}.`))
  }

  /** Whom you ignore, all of them: what they said and say is folded away, on this page as on the others. */
  function ignore(ids) {
    if (ids.length === ignored.size && ids.every((id) => ignored.has(id))) return
    ignored.clear()
    for (const id of ids) {
      ignored.add(id)
      typing.stop(id)
    }
    list.rehear()
    people.list.redraw()
  }

  async function reload() {
    const last = await view.reload()
    if (last !== null) socket.resumeFrom(last)
    else setTimeout(() => socket.isOpen && reload(), AGAIN)
  }

  function numbered(entry) {
    if (entry.type === "skip") return
    facts(entry)
    silence.hear(entry)
    const other = entry.type === "message" && entry.by.id !== you.id && !ignored.has(entry.by.id)
    if (other) {
      typing.stop(entry.by.id)
      const line = watch(entry)
      const meant = line?.matches(".for-you") ?? false
      reading.heard(entry.seq, meant)
      telling.message(entry, meant)
    } else {
      view.hear(entry)
      reading.look()
    }
    // What an undo of a clear brings back is not in the frame; the window is.
    if (entry.type === "undone" && TOLD.has(entry.act)) view.reload()
  }

  /** Draw somebody's message; above the first one nobody watches goes the rule that says "new". */
  function watch(entry) {
    const first = !reading.watching && !reading.unseen
    const line = view.hear(entry)
    if (first && line) list.fresh(entry.seq - 1)
    return line
  }

  /** What an entry changes beside the log. */
  function facts(entry) {
    switch (entry.type) {
      case "joined":
        return people.list.came(entry.user) || howTheyStand()
      case "left":
      case "kicked":
      case "banned":
        typing.stop(entry.user.id)
        return people.list.went(entry.user)
      case "renamed":
        if (entry.user.id === you.id) rename(entry.user.name)
        return people.list.change(entry.user, {})
      case "role":
        if (entry.user.id === you.id) setRole(you.role === "admin" ? "admin" : entry.role)
        people.list.change(entry.user, {
          role: entry.role,
          ...(entry.voiced === undefined || entry.voiced === null ? {} : { voiced: entry.voiced }),
        })
        return list.remark(entry.user.id, entry.role)
      case "muted":
        return people.list.change(entry.user, { muted: entry.until })
      case "unmuted":
        return people.list.change(entry.user, { muted: "" })
      case "topic":
        return headOf({ topic: entry.topic })
      case "audit":
        return countReports(entry)
      case "removed_self":
        if (entry.user.id === you.id) forget(/^\/(leave|part)\b/i)
        return undefined
      case "settings":
        if (entry.changed?.slug) moved(entry.changed.slug)
        return headOf(entry.changed ?? {})
      default:
        return undefined
    }
  }

  /** What was done already is not to be sent again when one comes back. */
  function forget(line) {
    for (const item of outbox.items) if (line.test(item.text ?? "")) outbox.discard(item.nonce)
  }

  /** The room has another address: go there once nothing waits here any more, with what is being typed. */
  function moved(to) {
    if (outbox.items.some((item) => item.state !== "failed"))
      return outbox.addEventListener("changed", () => moved(to), { once: true })
    new Draft(you.id, to).writeNow(composer.draft)
    return location.replace(`/rooms/${to}`)
  }

  /** A newcomer's role is not in the frame. Many may come at once; one look is enough. */
  function howTheyStand() {
    clearTimeout(looking)
    looking = setTimeout(async () => {
      const answer = await fetch(`/api/rooms/${slug}/here`, {
        headers: { accept: "application/json" },
      }).catch(() => null)
      const told = answer?.ok ? await answer.json().catch(() => null) : null
      for (const { id, role } of told ? people.list.learn(told) : []) list.remark(id, role)
    }, 300)
  }

  function setRole(role) {
    if (you.role === role) return
    you.role = role
    const said = document.querySelector(".me .soft")
    if (said) said.firstChild.textContent = role === "member" ? "your account" : role
    room.commands.ask()
  }

  function rename(name) {
    you.name = name
    composer.querySelector(".in-margin").textContent = name
    const me = document.querySelector(".me b")
    if (me) me.textContent = name
  }

  function headOf({ title: name, topic }) {
    if (topic !== undefined) page.querySelector(".topic").textContent = topic
    if (!name || name === page.dataset.title) return
    page.dataset.title = name
    page.querySelector("h1").lastChild.textContent = name
    title.rename(`${name} · ${page.dataset.site}`)
  }

  function elsewhere() {
    const { mentions } = index
    title.elsewhere(mentions)
    const back = page.querySelector(".back")
    back.querySelector(".badge").hidden = !mentions
    back.querySelector(".badge").textContent = `@${mentions}`
    back.setAttribute("aria-label", mentions ? `Rooms, ${mentions} mentions of you` : "Rooms")
  }

  /** The line is closed for good; the code or the status says where one stands. */
  function over({ code, status, reason }) {
    outbox.down()
    room.draft.writeNow(composer.draft)
    if (code === 4501 || status === 401)
      return location.assign(`/login?next=${encodeURIComponent(location.pathname)}`)
    if (code === 4502 || code === 4503 || status === 403) return location.assign(`/rooms/${slug}`)
    if (code === 4504 || status === 404)
      return banner.over(
        `${sentence(reason) || "This room is gone."} What you typed is kept here.`,
        "All rooms",
        () => location.assign("/rooms"),
      )
    return banner.over(
      `${sentence(reason) || "The line was closed."} What you typed is kept.`,
      "Come back",
      () => location.reload(),
    )
  }
}

function sentence(reason) {
  const words = reason?.trim() ?? ""
  return words && !/[.!?]$/.test(words) ? `${words}.` : words
}
