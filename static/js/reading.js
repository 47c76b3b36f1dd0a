// How far one has read: told when the end of the log is in sight of somebody, and counted in the title until then.

const SETTLE = 400

export class Reading {
  #list
  #tell
  #read
  #timer = 0
  #unseen = 0
  #meant = 0

  /** `tell(seq)` sends the mark; `changed({unseen, meant})` hears what is below the eye. */
  constructor(list, read, tell, changed) {
    this.#list = list
    this.#read = read
    this.#tell = tell
    this.changed = changed
    document.addEventListener("visibilitychange", () => this.look())
    addEventListener("focus", () => this.look())
    list.addEventListener("log:end", () => this.look())
  }

  get read() {
    return this.#read
  }

  get unseen() {
    return this.#unseen
  }

  get watching() {
    return !document.hidden && this.#list.scroll.atEnd
  }

  /** A message of somebody else came. */
  heard(seq, meant) {
    if (!this.watching) {
      this.#unseen += 1
      this.#meant += meant ? 1 : 0
      this.changed({ unseen: this.#unseen, meant: this.#meant })
    }
    this.look()
  }

  /** Another window of one's own has read further. */
  marked(seq) {
    if (seq <= this.#read) return
    this.#read = seq
  }

  look() {
    if (!this.watching) return
    if (this.#unseen) {
      this.#unseen = this.#meant = 0
      this.changed({ unseen: 0, meant: 0 })
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#mark(), SETTLE)
  }

  #mark() {
    const last = this.#list.last
    if (!this.watching || last <= this.#read) return
    if (this.#tell(last)) this.#read = last
  }
}
