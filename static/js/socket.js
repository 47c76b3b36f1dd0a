// The line to the room: opened, opened again, and never believed until it has said "resumed".

const FIRST_DELAY = 500
const LONGEST_DELAY = 30_000
const ANSWER_WITHIN = 8_000

/**
 * Tells: "hello", "frame" (each numbered entry once and in order, and what passes), "live", "down" (with `delay`
 * until the next try), "reload" (the window must be fetched again) and "over" (with code, reason and status).
 */
export class RoomSocket extends EventTarget {
  #slug
  #epoch
  #last
  #socket = null
  #state = "closed"
  #tries = 0
  #resuming = false
  #heartbeat = 25_000
  #silence = 0
  #retry = 0

  constructor({ slug, epoch, last }) {
    super()
    this.#slug = slug
    this.#epoch = epoch
    this.#last = last
    addEventListener("online", () => this.now())
    addEventListener("offline", () => this.#check(2_000))
    document.addEventListener("visibilitychange", () => !document.hidden && this.#check(ANSWER_WITHIN))
  }

  get live() {
    return this.#state === "live"
  }

  /** Whether frames can be said, the room heard or not. */
  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  get last() {
    return this.#last
  }

  open() {
    clearTimeout(this.#retry)
    this.#state = "opening"
    let opened = false
    const scheme = location.protocol === "https:" ? "wss:" : "ws:"
    const socket = new WebSocket(`${scheme}//${location.host}/rooms/${this.#slug}/ws`, "aiochat.v2")
    this.#socket = socket
    socket.onopen = () => (opened = true)
    socket.onmessage = (event) => this.#socket === socket && this.#hear(event.data)
    socket.onclose = (event) => this.#socket === socket && this.#closed(event, opened)
    this.#listen()
  }

  /** Try now instead of later. */
  now() {
    if (this.#state !== "waiting") return
    this.#tries = 0
    this.open()
  }

  /** Say a frame; false where the line is down. */
  send(frame) {
    if (!this.isOpen) return false
    this.#socket.send(JSON.stringify(frame))
    return true
  }

  /** After the window was fetched again: everything after its last number, please. */
  resumeFrom(last) {
    this.#last = last
    this.#resume()
  }

  #hear(data) {
    this.#listen()
    const frame = JSON.parse(data)
    switch (frame.type) {
      case "hello":
        this.#heartbeat = frame.heartbeat * 1000
        this.#tell("hello", frame)
        if (this.#epoch !== frame.epoch) {
          this.#epoch = frame.epoch
          return this.#tell("reload")
        }
        return this.#resume()
      case "resumed":
        return this.#resumed(frame)
      case "pong":
        return undefined
      default:
        return frame.seq && frame.type !== "ack" && frame.type !== "read"
          ? this.#numbered(frame)
          : this.#tell("frame", frame)
    }
  }

  #numbered(frame) {
    if (frame.seq <= this.#last) return
    if (frame.seq > this.#last + 1) {
      // A gap is always a fault; what is dropped here comes again with the answer.
      if (!this.#resuming) this.#resume()
      return
    }
    this.#last = frame.seq
    this.#tell("frame", frame)
  }

  #resume() {
    this.#resuming = true
    this.send({ type: "resume", epoch: this.#epoch, after: this.#last })
  }

  #resumed(frame) {
    this.#resuming = false
    if (!frame.recovered) return this.#tell("reload")
    this.#tries = 0
    if (this.#state === "live") return undefined
    this.#state = "live"
    return this.#tell("live")
  }

  /** Silence for a heartbeat asks for a sign of life; none, and the line is taken for dead. */
  #listen() {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#check(ANSWER_WITHIN), this.#heartbeat)
  }

  #check(within) {
    if (!["opening", "live"].includes(this.#state)) return
    this.send({ type: "ping" })
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#closed({ code: 1006, reason: "" }, true), within)
  }

  #closed({ code, reason }, opened) {
    clearTimeout(this.#silence)
    this.#drop()
    if (this.#state === "over") return
    if (!comesBack(code)) {
      this.#state = "over"
      this.#tell("over", { code, reason })
    } else if (opened) this.#wait()
    else this.#ask()
  }

  /** A refusal looks like a broken line to a browser, so the reason is asked for. */
  async #ask() {
    // No line is waited for meanwhile, so nothing else may try again.
    this.#state = "asking"
    try {
      const answer = await fetch(`/api/rooms/${this.#slug}/me`, {
        headers: { accept: "application/json" },
        cache: "no-store",
        signal: AbortSignal.timeout(ANSWER_WITHIN),
      })
      if ([401, 403, 404].includes(answer.status)) {
        const body = await answer.json().catch(() => ({}))
        this.#state = "over"
        return this.#tell("over", { status: answer.status, reason: body.error?.message ?? "" })
      }
    } catch {
      // No answer at all: the line is down, which is what waiting is for.
    }
    return this.#wait()
  }

  #wait() {
    if (this.#state === "over") return
    this.#state = "waiting"
    this.#resuming = false
    const most = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#tries)
    this.#tries += 1
    const delay = Math.random() * most
    this.#retry = setTimeout(() => this.open(), delay)
    this.#tell("down", { delay, until: Date.now() + delay })
  }

  #drop() {
    const socket = this.#socket
    this.#socket = null
    socket?.close()
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

/** Whether a close code asks one to come back. */
function comesBack(code) {
  return [1001, 1005, 1006].includes(code) || (code >= 1011 && code <= 1014) || (code >= 4000 && code < 4500)
}
