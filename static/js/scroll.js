// Nobody's place moves while they read: stay at the end, or hold on to the line at the top.

const NEAR = 40

export class Scroll {
  #log
  #atEnd = true
  #more = false
  // How far the log was scrolled when it was last seen at its end.
  #end = NaN
  #frame = 0

  constructor(log) {
    this.#log = log
    log.addEventListener("scroll", this.#scrolled, { passive: true })
    // A growing composer or a keyboard on a phone takes height away from the log.
    new ResizeObserver(this.#stay).observe(log)
    // The lines are higher or lower in the letters they were waiting for.
    document.fonts.addEventListener("loadingdone", this.#stay)
  }

  get atEnd() {
    return this.#atEnd
  }

  /** Whether more follows what is drawn: then its last line is no end to stay at. */
  set more(yes) {
    this.#more = yes
    this.#look()
  }

  /** Change the log below the eye: at the end one stays at the end, elsewhere nothing moves. */
  below(change) {
    change()
    if (this.#atEnd) this.soonToEnd()
  }

  /** Change the log anywhere: the first line in sight stays where it is. */
  hold(change) {
    if (this.#atEnd) {
      change()
      return this.toEnd()
    }
    const top = this.#log.getBoundingClientRect().top
    const anchor = this.#firstInSight(top)
    const was = anchor?.getBoundingClientRect().top
    change()
    if (anchor?.isConnected) this.#log.scrollTop += anchor.getBoundingClientRect().top - was
    return this.#look()
  }

  toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight
    this.#look()
  }

  /** In the next frame, unless somebody has scrolled away until then. */
  soonToEnd() {
    if (document.hidden) return this.toEnd()
    cancelAnimationFrame(this.#frame)
    this.#frame = requestAnimationFrame(this.#stay)
  }

  /** Show a line in the upper third. */
  show(line) {
    const log = this.#log.getBoundingClientRect()
    this.#log.scrollTop += line.getBoundingClientRect().top - log.top - log.height / 3
    this.#look()
  }

  #firstInSight(top) {
    for (const line of this.#log.querySelectorAll(".line")) {
      if (line.getBoundingClientRect().bottom > top && !line.matches(".older")) return line
    }
    return null
  }

  #stay = () => this.#atEnd && this.toEnd()

  /** A scroll is told a frame after it: what has grown below since then is nobody going away from the end. */
  #scrolled = () => {
    if (this.#atEnd && this.#log.scrollTop === this.#end) this.toEnd()
    else this.#look()
  }

  #look = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.#log
    const atEnd = !this.#more && scrollHeight - scrollTop - clientHeight < NEAR
    if (atEnd) this.#end = scrollTop
    if (atEnd === this.#atEnd) return
    this.#atEnd = atEnd
    this.#log.dispatchEvent(new CustomEvent("log:end", { bubbles: true, detail: { atEnd } }))
  }
}
